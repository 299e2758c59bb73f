//! One column: its head, values and exceptions.

use std::sync::Arc;

use campaigns::{ArrayColumn, Column, ColumnData, Exception, TextColumn};
use model::limits::{BATCH_SAMPLES_MAX, TEXT_BYTES_MAX};
use signals::{DataType, Leaf, Quality, ScalarType, Value};

use super::ints::{self, Form, Scratch};

/// In a head, above the tag of [`ints`]: the column has rows that are not good.
const EXCEPTIONS: u8 = 0b1_0000;

/// In an exception's first byte: a text follows.
const RAW: u8 = 0b1000_0000;

/// Encodes columns, reusing its buffers.
#[derive(Debug, Default)]
pub(super) struct ColumnEncoder {
    pub(super) scratch: Scratch,
    numbers: Vec<i64>,
}

impl ColumnEncoder {
    /// Appends the payload and returns the head; `None` when the column contradicts itself or its
    /// leaf.
    pub(super) fn encode(
        &mut self,
        column: &Column,
        leaf: &Leaf,
        rows: usize,
        out: &mut Vec<u8>,
    ) -> Option<u8> {
        if column.data.len() != rows {
            return None;
        }
        let mut head = 0;
        if !column.exceptions.is_empty() {
            head |= EXCEPTIONS;
            encode_exceptions(&column.exceptions, rows, out)?;
        }
        let (DataType::Scalar(scalar) | DataType::Array(scalar)) = leaf.data_type;
        let tag = match (&column.data, leaf.data_type) {
            (ColumnData::Array(array), DataType::Array(_)) => self.encode_array(array, scalar, leaf, out)?,
            (
                data @ (ColumnData::Fixed(_) | ColumnData::Bool(_) | ColumnData::Text(_)),
                DataType::Scalar(_),
            ) => self.encode_scalars(data, scalar, leaf, out)?,
            (
                ColumnData::Array(_) | ColumnData::Fixed(_) | ColumnData::Bool(_) | ColumnData::Text(_),
                DataType::Array(_) | DataType::Scalar(_),
            ) => return None,
        };
        Some(head | tag)
    }

    fn encode_array(
        &mut self,
        array: &ArrayColumn,
        scalar: ScalarType,
        leaf: &Leaf,
        out: &mut Vec<u8>,
    ) -> Option<u8> {
        let mut before = 0;
        self.numbers.clear();
        for end in &array.ends {
            self.numbers.push(i64::from(end.checked_sub(before)?));
            before = *end;
        }
        if usize::try_from(before).ok()? != array.items.len() {
            return None;
        }
        ints::encode_block(&self.numbers, &mut self.scratch, out);
        self.encode_scalars(&array.items, scalar, leaf, out)
    }

    fn encode_scalars(
        &mut self,
        data: &ColumnData,
        scalar: ScalarType,
        leaf: &Leaf,
        out: &mut Vec<u8>,
    ) -> Option<u8> {
        match (data, Kind::of(scalar)) {
            (ColumnData::Fixed(values), Kind::Number) => {
                let limit = super::INTEGER_MAX;
                let fit = values.iter().all(|value| (-limit..=limit).contains(value));
                return fit.then(|| ints::encode(values, Form::Tail, &mut self.scratch, out));
            }
            (ColumnData::Bool(values), Kind::Bool) => {
                self.numbers.clear();
                self.numbers.extend(values.iter().map(|value| i64::from(*value)));
            }
            (ColumnData::Text(text), Kind::Text) => {
                encode_dictionary(text, leaf, out)?;
                self.numbers.clear();
                self.numbers.extend(text.index.iter().map(|place| i64::from(*place)));
            }
            (
                ColumnData::Fixed(_) | ColumnData::Bool(_) | ColumnData::Text(_) | ColumnData::Array(_),
                Kind::Number | Kind::Bool | Kind::Text,
            ) => return None,
        }
        Some(ints::encode(&self.numbers, Form::Tail, &mut self.scratch, out))
    }
}

/// How a scalar travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Bool,
    Text,
}

impl Kind {
    fn of(scalar: ScalarType) -> Self {
        match scalar {
            ScalarType::Boolean => Self::Bool,
            ScalarType::String => Self::Text,
            ScalarType::Int8
            | ScalarType::Int16
            | ScalarType::Int32
            | ScalarType::Int64
            | ScalarType::Uint8
            | ScalarType::Uint16
            | ScalarType::Uint32
            | ScalarType::Uint64
            | ScalarType::Float
            | ScalarType::Double => Self::Number,
        }
    }
}

/// Checks as well that the decoder will accept it. A text that the leaf allows is named by its
/// place: `place * 2 + 1`; any other is `length * 2` and its bytes.
fn encode_dictionary(text: &TextColumn, leaf: &Leaf, out: &mut Vec<u8>) -> Option<()> {
    let entries = text.dictionary.len();
    let inside = |place: &u32| usize::try_from(*place).is_ok_and(|place| place < entries);
    if entries > text.index.len() || !text.index.iter().all(inside) {
        return None;
    }
    ints::write_unsigned(out, entries as u64);
    for entry in &text.dictionary {
        let allowed = leaf.limits.allowed.iter().position(|value| is_text(value, entry));
        match allowed {
            Some(place) => ints::write_unsigned(out, place as u64 * 2 + 1),
            None => encode_text(entry, 2, out)?,
        }
    }
    Some(())
}

fn is_text(value: &Value, text: &str) -> bool {
    allowed_text(value).is_some_and(|allowed| &**allowed == text)
}

fn allowed_text(value: &Value) -> Option<&Arc<str>> {
    match value {
        Value::Text(text) => Some(text),
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) | Value::Array(_) => None,
    }
}

/// The length times `factor`, then the bytes.
fn encode_text(text: &str, factor: u64, out: &mut Vec<u8>) -> Option<()> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    ints::write_unsigned(out, text.len() as u64 * factor);
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
            encode_text(raw, 1, out)?;
        }
    }
    (usize::try_from(next).ok()? <= rows).then_some(())
}

/// What decoding one batch may still allocate, and buffers.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// Items of arrays left.
    pub(super) items: usize,
    pub(super) numbers: Vec<i64>,
    /// For numbers of columns to come.
    spare: Vec<Vec<i64>>,
}

/// Buffers that are kept: as many as a common batch has columns, ...
const SPARE_MAX: usize = 256;
/// ... each for as many rows as a common batch has: half a megabyte in all.
const SPARE_ROWS_MAX: usize = 256;

impl Budget {
    pub(super) fn reset(&mut self) {
        self.items = usize::try_from(BATCH_SAMPLES_MAX).unwrap_or(usize::MAX);
    }

    /// Takes the memory of a column that nobody needs any more.
    pub(super) fn recycle(&mut self, column: Column) {
        match column.data {
            ColumnData::Fixed(mut values) => {
                if self.spare.len() < SPARE_MAX && values.capacity() <= SPARE_ROWS_MAX {
                    values.clear();
                    self.spare.push(values);
                }
            }
            // They are few.
            ColumnData::Bool(_) | ColumnData::Text(_) | ColumnData::Array(_) => {}
        }
    }
}

/// Reads a column as the leaf types it; `None` when it is malformed.
pub(super) fn decode(
    head: u8,
    leaf: &Leaf,
    rows: usize,
    mut input: &[u8],
    budget: &mut Budget,
) -> Option<Column> {
    let input = &mut input;
    let tag = head & !EXCEPTIONS;
    let exceptions = if head & EXCEPTIONS == 0 { Vec::new() } else { decode_exceptions(rows, input)? };
    let data = match leaf.data_type {
        DataType::Scalar(scalar) => decode_scalars(scalar, tag, rows, leaf, input, budget)?,
        DataType::Array(scalar) => decode_array(scalar, tag, rows, leaf, input, budget)?,
    };
    input.is_empty().then_some(Column { signal: leaf.id, data, exceptions })
}

fn decode_array(
    scalar: ScalarType,
    tag: u8,
    rows: usize,
    leaf: &Leaf,
    input: &mut &[u8],
    budget: &mut Budget,
) -> Option<ColumnData> {
    ints::decode_block(rows, input, &mut budget.numbers)?;
    let mut ends = Vec::with_capacity(rows);
    let mut end = 0_u32;
    for length in &budget.numbers {
        end = end.checked_add(u32::try_from(*length).ok()?)?;
        ends.push(end);
    }
    let items = usize::try_from(end).ok()?;
    budget.items = budget.items.checked_sub(items)?;
    let items = Box::new(decode_scalars(scalar, tag, items, leaf, input, budget)?);
    Some(ColumnData::Array(ArrayColumn { ends, items }))
}

fn decode_scalars(
    scalar: ScalarType,
    tag: u8,
    count: usize,
    leaf: &Leaf,
    input: &mut &[u8],
    budget: &mut Budget,
) -> Option<ColumnData> {
    let kind = Kind::of(scalar);
    if kind == Kind::Number {
        let mut values = budget.spare.pop().unwrap_or_default();
        values.reserve_exact(count);
        ints::decode(tag, count, Form::Tail, input, &mut values)?;
        return Some(ColumnData::Fixed(values));
    }
    let dictionary = if kind == Kind::Text { Some(decode_dictionary(count, leaf, input)?) } else { None };
    budget.numbers.clear();
    ints::decode(tag, count, Form::Tail, input, &mut budget.numbers)?;
    let Some(dictionary) = dictionary else {
        let truth = |number: &i64| match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        };
        return budget.numbers.iter().map(truth).collect::<Option<_>>().map(ColumnData::Bool);
    };
    let entries = u32::try_from(dictionary.len()).ok()?;
    let place = |number: &i64| u32::try_from(*number).ok().filter(|place| *place < entries);
    let index = budget.numbers.iter().map(place).collect::<Option<_>>()?;
    Some(ColumnData::Text(TextColumn { dictionary, index }))
}

fn decode_dictionary(count: usize, leaf: &Leaf, input: &mut &[u8]) -> Option<Vec<Arc<str>>> {
    // No more entries than rows, and each takes a byte at least: both bound the memory.
    let entries = ints::read_count(input).filter(|entries| *entries <= count.min(input.len()))?;
    let mut dictionary = Vec::with_capacity(entries);
    for _ in 0..entries {
        let code = ints::read_count(input)?;
        dictionary.push(if code % 2 == 1 {
            Arc::clone(allowed_text(leaf.limits.allowed.get(code / 2)?)?)
        } else {
            decode_text(code / 2, input)?
        });
    }
    Some(dictionary)
}

fn decode_text(length: usize, input: &mut &[u8]) -> Option<Arc<str>> {
    if length > TEXT_BYTES_MAX {
        return None;
    }
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
        let raw = if code & RAW == 0 {
            None
        } else {
            let length = ints::read_count(input)?;
            Some(decode_text(length, input)?)
        };
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
