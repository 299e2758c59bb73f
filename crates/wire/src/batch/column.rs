//! One column: its head, values and exceptions.

use std::sync::Arc;

use campaigns::{ArrayColumn, Column, ColumnData, Exception, TextColumn};
use model::limits::{BATCH_SAMPLES_MAX, TEXT_BYTES_MAX};
use signals::{DataType, Leaf, Quality, ScalarType};

use super::ints::{self, Scratch};

/// The column has rows that are not good.
const EXCEPTIONS: u8 = 0b1000;
const KIND_SHIFT: u32 = 4;
const KIND_MASK: u8 = 0b111;

const FIXED: u8 = 0;
const BOOL: u8 = 1;
const TEXT: u8 = 2;
/// Added to the kind of the items.
const ARRAY: u8 = 3;

/// In an exception's first byte: a text follows.
const RAW: u8 = 0b1000_0000;

/// Whether a column of this kind can hold the leaf's values.
pub(super) fn matches_type(head: u8, data_type: DataType) -> bool {
    let kind = (head >> KIND_SHIFT) & KIND_MASK;
    let (scalar, array) = match data_type {
        DataType::Scalar(scalar) => (scalar, 0),
        DataType::Array(scalar) => (scalar, ARRAY),
    };
    let wanted = match scalar {
        ScalarType::Boolean => BOOL,
        ScalarType::String => TEXT,
        ScalarType::Int8
        | ScalarType::Int16
        | ScalarType::Int32
        | ScalarType::Int64
        | ScalarType::Uint8
        | ScalarType::Uint16
        | ScalarType::Uint32
        | ScalarType::Uint64
        | ScalarType::Float
        | ScalarType::Double => FIXED,
    };
    kind == wanted + array
}

/// Encodes columns, reusing its buffers.
#[derive(Debug, Default)]
pub(super) struct ColumnEncoder {
    pub(super) scratch: Scratch,
    numbers: Vec<i64>,
}

impl ColumnEncoder {
    /// Appends the payload and returns the head; `None` when the column contradicts itself.
    pub(super) fn encode(&mut self, column: &Column, rows: usize, out: &mut Vec<u8>) -> Option<u8> {
        if column.data.len() != rows {
            return None;
        }
        let mut head = match &column.data {
            ColumnData::Array(array) => self.encode_array(array, out)?,
            ColumnData::Fixed(_) | ColumnData::Bool(_) | ColumnData::Text(_) => {
                self.encode_scalars(&column.data, out)?
            }
        };
        if !column.exceptions.is_empty() {
            head |= EXCEPTIONS;
            encode_exceptions(&column.exceptions, rows, out)?;
        }
        Some(head)
    }

    fn encode_array(&mut self, array: &ArrayColumn, out: &mut Vec<u8>) -> Option<u8> {
        let mut before = 0;
        self.numbers.clear();
        for end in &array.ends {
            self.numbers.push(i64::from(end.checked_sub(before)?));
            before = *end;
        }
        if usize::try_from(before).ok()? != array.items.len() {
            return None;
        }
        let place = out.len();
        out.push(0);
        out[place] = ints::encode(&self.numbers, &mut self.scratch, out);
        let head = self.encode_scalars(&array.items, out)?;
        Some(head + (ARRAY << KIND_SHIFT))
    }

    fn encode_scalars(&mut self, data: &ColumnData, out: &mut Vec<u8>) -> Option<u8> {
        let kind = match data {
            ColumnData::Fixed(values) => {
                let limit = super::INTEGER_MAX;
                if !values.iter().all(|value| (-limit..=limit).contains(value)) {
                    return None;
                }
                return Some(ints::encode(values, &mut self.scratch, out) | FIXED << KIND_SHIFT);
            }
            ColumnData::Bool(values) => {
                self.numbers.clear();
                self.numbers.extend(values.iter().map(|value| i64::from(*value)));
                BOOL
            }
            ColumnData::Text(text) => {
                encode_dictionary(text, out)?;
                self.numbers.clear();
                self.numbers.extend(text.index.iter().map(|place| i64::from(*place)));
                TEXT
            }
            ColumnData::Array(_) => return None,
        };
        Some(ints::encode(&self.numbers, &mut self.scratch, out) | kind << KIND_SHIFT)
    }
}

/// Checks as well that the decoder will accept it.
fn encode_dictionary(text: &TextColumn, out: &mut Vec<u8>) -> Option<()> {
    let entries = text.dictionary.len();
    let inside = |place: &u32| usize::try_from(*place).is_ok_and(|place| place < entries);
    if entries > text.index.len() || !text.index.iter().all(inside) {
        return None;
    }
    ints::write_unsigned(out, entries as u64);
    text.dictionary.iter().try_for_each(|entry| encode_text(entry, out))
}

fn encode_text(text: &str, out: &mut Vec<u8>) -> Option<()> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    ints::write_unsigned(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
    Some(())
}

fn quality_code(quality: Quality) -> u8 {
    match quality {
        Quality::Good => 0,
        Quality::Stale => 1,
        Quality::OutOfRange => 2,
        Quality::NotAvailable => 3,
    }
}

/// Runs of rows that follow each other with the same quality and without a text.
fn encode_exceptions(exceptions: &[Exception], rows: usize, out: &mut Vec<u8>) -> Option<()> {
    let follows = |a: &Exception, b: &Exception| {
        a.raw.is_none() && b.raw.is_none() && a.quality == b.quality && a.row.checked_add(1) == Some(b.row)
    };
    let runs = || exceptions.chunk_by(follows);
    ints::write_unsigned(out, runs().count() as u64);
    let mut next = 0;
    for run in runs() {
        let first = run.first()?;
        if first.quality == Quality::Good {
            return None;
        }
        ints::write_unsigned(out, u64::from(first.row.checked_sub(next)?));
        ints::write_unsigned(out, run.len() as u64 - 1);
        next = run.last()?.row.checked_add(1)?;
        out.push(quality_code(first.quality) | if first.raw.is_some() { RAW } else { 0 });
        if let Some(raw) = &first.raw {
            encode_text(raw, out)?;
        }
    }
    (usize::try_from(next).ok()? <= rows).then_some(())
}

/// What decoding one batch may still allocate, and a buffer.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// Items of arrays left.
    pub(super) items: usize,
    pub(super) numbers: Vec<i64>,
}

impl Budget {
    pub(super) fn reset(&mut self) {
        self.items = usize::try_from(BATCH_SAMPLES_MAX).unwrap_or(usize::MAX);
    }
}

/// Reads a column whose kind fits the leaf; `None` when it is malformed.
pub(super) fn decode(
    head: u8,
    leaf: &Leaf,
    rows: usize,
    mut input: &[u8],
    budget: &mut Budget,
) -> Option<Column> {
    let input = &mut input;
    let kind = (head >> KIND_SHIFT) & KIND_MASK;
    let tag = head & ints::TAG_MASK;
    let data = if kind >= ARRAY {
        decode_array(kind - ARRAY, tag, rows, input, budget)?
    } else {
        decode_scalars(kind, tag, rows, input, budget)?
    };
    let exceptions = if head & EXCEPTIONS != 0 { decode_exceptions(rows, input)? } else { Vec::new() };
    input.is_empty().then_some(Column { signal: leaf.id, data, exceptions })
}

fn decode_array(
    kind: u8,
    tag: u8,
    rows: usize,
    input: &mut &[u8],
    budget: &mut Budget,
) -> Option<ColumnData> {
    let (lengths_tag, rest) = input.split_first()?;
    *input = rest;
    budget.numbers.clear();
    ints::decode(*lengths_tag, rows, input, &mut budget.numbers)?;
    let mut ends = Vec::with_capacity(rows);
    let mut end = 0_u32;
    for length in &budget.numbers {
        end = end.checked_add(u32::try_from(*length).ok()?)?;
        ends.push(end);
    }
    let items = usize::try_from(end).ok()?;
    budget.items = budget.items.checked_sub(items)?;
    let items = Box::new(decode_scalars(kind, tag, items, input, budget)?);
    Some(ColumnData::Array(ArrayColumn { ends, items }))
}

fn decode_scalars(
    kind: u8,
    tag: u8,
    count: usize,
    input: &mut &[u8],
    budget: &mut Budget,
) -> Option<ColumnData> {
    match kind {
        FIXED => {
            let mut values = Vec::with_capacity(count);
            ints::decode(tag, count, input, &mut values)?;
            Some(ColumnData::Fixed(values))
        }
        BOOL => {
            budget.numbers.clear();
            ints::decode(tag, count, input, &mut budget.numbers)?;
            let truth = |number: &i64| match number {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            };
            budget.numbers.iter().map(truth).collect::<Option<_>>().map(ColumnData::Bool)
        }
        TEXT => {
            let dictionary = decode_dictionary(count, input)?;
            budget.numbers.clear();
            ints::decode(tag, count, input, &mut budget.numbers)?;
            let entries = u32::try_from(dictionary.len()).ok()?;
            let place = |number: &i64| u32::try_from(*number).ok().filter(|place| *place < entries);
            let index = budget.numbers.iter().map(place).collect::<Option<_>>()?;
            Some(ColumnData::Text(TextColumn { dictionary, index }))
        }
        _ => None,
    }
}

fn decode_dictionary(count: usize, input: &mut &[u8]) -> Option<Vec<Arc<str>>> {
    // No more entries than rows, and each takes a byte at least: both bound the memory.
    let entries = ints::read_count(input).filter(|entries| *entries <= count.min(input.len()))?;
    let mut dictionary = Vec::with_capacity(entries);
    for _ in 0..entries {
        dictionary.push(decode_text(input)?);
    }
    Some(dictionary)
}

fn decode_text(input: &mut &[u8]) -> Option<Arc<str>> {
    let length = ints::read_count(input).filter(|length| *length <= TEXT_BYTES_MAX)?;
    let (text, rest) = input.split_at_checked(length)?;
    *input = rest;
    std::str::from_utf8(text).ok().map(Arc::from)
}

fn decode_exceptions(rows: usize, input: &mut &[u8]) -> Option<Vec<Exception>> {
    let runs = ints::read_count(input).filter(|runs| (1..=rows).contains(runs))?;
    let mut exceptions = Vec::with_capacity(runs.min(input.len()));
    let mut next = 0_usize;
    for _ in 0..runs {
        let first = next.checked_add(ints::read_count(input)?)?;
        let end = first.checked_add(ints::read_count(input)?)?.checked_add(1)?;
        if end > rows {
            return None;
        }
        let (code, rest) = input.split_first()?;
        *input = rest;
        let raw = if code & RAW != 0 { Some(decode_text(input)?) } else { None };
        if raw.is_some() && end - first > 1 {
            return None;
        }
        let quality = Quality::ALL.into_iter().find(|quality| quality_code(*quality) == code & !RAW)?;
        if quality == Quality::Good {
            return None;
        }
        for row in first..end {
            exceptions.push(Exception { row: u32::try_from(row).ok()?, quality, raw: raw.clone() });
        }
        next = end;
    }
    Some(exceptions)
}
