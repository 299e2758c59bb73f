//! The body: groups of columns that share their times.
//!
//! `groups := varint count, group*`
//! `group := varint rows, varint columns, times, signal ids, heads, lengths, payloads`
//!
//! Ids, heads and lengths are sequences of integers of their own, which is a third smaller than
//! repeating them in front of each column. A column's type is its leaf's: sender and receiver have
//! the same catalogue, since the header names it.

use std::fmt;

use campaigns::{Column, RowGroup};
use model::{Timestamp, limits};
use signals::{Catalogue, SignalId};
use zstd::bulk::{Compressor, Decompressor};

use super::{
    INTEGER_MAX,
    column::{self, Budget, ColumnEncoder},
    frame::{self, BodyRef},
    header::{BatchHeader, BatchMeta, Encoding},
    ints,
};
use crate::Error;

/// Below it zstd finds nothing in columns that are packed already.
const ZSTD_BYTES_MIN: usize = 512;
const ZSTD_LEVEL: i32 = 3;

/// What a batch holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    pub groups: Vec<RowGroup>,
    /// Columns that were left out; the others are good.
    pub bad_columns: Vec<BadColumn>,
}

/// A column that was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadColumn {
    pub signal: SignalId,
    pub samples: u32,
    pub problem: ColumnProblem,
}

/// Why a column was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnProblem {
    /// The catalogue that the batch names does not have the signal.
    UnknownSignal,
    /// The times of its group do not increase strictly, or lie outside of
    /// [`limits::SOURCE_TIME_MIN`] to [`limits::SOURCE_TIME_MAX`].
    Times,
    /// The bytes are no column of the leaf's type.
    Malformed,
}

impl ColumnProblem {
    pub const fn slug(self) -> &'static str {
        match self {
            Self::UnknownSignal => "unknown-signal",
            Self::Times => "times",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for ColumnProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// Encodes batches, reusing its buffers. One for each thread or car queue.
#[derive(Default)]
pub struct Encoder {
    columns: ColumnEncoder,
    raw: Vec<u8>,
    payloads: Vec<u8>,
    numbers: Vec<i64>,
    compressor: Option<Compressor<'static>>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}

/// Encodes one batch; see [`Encoder::encode`].
pub fn encode_batch(meta: &BatchMeta, groups: &[RowGroup], catalogue: &Catalogue) -> Result<Vec<u8>, Error> {
    Encoder::default().encode(meta, groups, catalogue)
}

impl Encoder {
    /// Encodes a batch. An error means that the groups break the rules of [`RowGroup`] or a limit;
    /// what a collector made never does.
    pub fn encode(
        &mut self,
        meta: &BatchMeta,
        groups: &[RowGroup],
        catalogue: &Catalogue,
    ) -> Result<Vec<u8>, Error> {
        let base_time = groups.iter().filter_map(|group| group.times.first()).min();
        let base_time = *base_time.ok_or(Error::Columns { problem: "there are none" })?;
        self.raw.clear();
        ints::write_unsigned(&mut self.raw, groups.len() as u64);
        for group in groups {
            self.group(group, base_time, catalogue)?;
        }
        let header = BatchHeader {
            meta: meta.clone(),
            catalogue: catalogue.hash(),
            base_time,
            samples: count(groups.iter().map(RowGroup::samples).sum(), limits::BATCH_SAMPLES_MAX)?,
            columns: count(groups.iter().map(|group| group.columns.len()).sum(), limits::BATCH_COLUMNS_MAX)?,
            raw_bytes: u32::try_from(self.raw.len()).unwrap_or(u32::MAX),
            encoding: Encoding::Plain,
        };
        if self.raw.len() > limits::BATCH_RAW_BYTES_MAX {
            return Err(Error::TooLarge { bytes: self.raw.len() });
        }
        match self.compressed() {
            Some(body) => frame::assemble(&BatchHeader { encoding: Encoding::Zstd, ..header }, &body),
            None => frame::assemble(&header, &self.raw),
        }
    }

    fn group(&mut self, group: &RowGroup, base_time: Timestamp, catalogue: &Catalogue) -> Result<(), Error> {
        let rows = group.times.len();
        if rows == 0 || group.columns.is_empty() {
            return Err(Error::Columns { problem: "a group is empty" });
        }
        if !group.times.is_sorted_by(|a, b| a < b) {
            return Err(Error::Columns { problem: "times do not increase strictly" });
        }
        let bounds = limits::SOURCE_TIME_MIN..=limits::SOURCE_TIME_MAX;
        if ![group.times[0], group.times[rows - 1]].iter().all(|time| bounds.contains(time)) {
            return Err(Error::Columns { problem: "a time is out of range" });
        }
        if !group.columns.is_sorted_by(|a, b| a.signal < b.signal) {
            return Err(Error::Columns { problem: "columns are not sorted by signal" });
        }
        ints::write_unsigned(&mut self.raw, rows as u64);
        ints::write_unsigned(&mut self.raw, group.columns.len() as u64);
        self.numbers.clear();
        self.numbers.extend(group.times.iter().map(|time| time.since(base_time).0));
        self.block()?;
        self.numbers.clear();
        self.numbers.extend(group.columns.iter().map(|column| i64::from(column.signal.0)));
        self.block()?;
        self.payloads.clear();
        let mut lengths = Vec::with_capacity(group.columns.len());
        self.numbers.clear();
        for column in &group.columns {
            let start = self.payloads.len();
            let leaf = catalogue
                .by_id(column.signal)
                .ok_or(Error::Columns { problem: "a signal is not in the catalogue" })?;
            let head = self
                .columns
                .encode(column, leaf, rows, &mut self.payloads)
                .ok_or(Error::Columns { problem: "a column breaks its rules" })?;
            self.numbers.push(i64::from(head));
            lengths.push(i64::try_from(self.payloads.len() - start).unwrap_or(i64::MAX));
        }
        self.block()?;
        self.numbers = lengths;
        self.block()?;
        self.raw.extend_from_slice(&self.payloads);
        Ok(())
    }

    /// Appends `numbers`.
    fn block(&mut self) -> Result<(), Error> {
        if self.numbers.iter().any(|number| number.unsigned_abs() > INTEGER_MAX.unsigned_abs()) {
            return Err(Error::Columns { problem: "a time is out of range" });
        }
        ints::encode_block(&self.numbers, &mut self.columns.scratch, &mut self.raw);
        Ok(())
    }

    /// The body compressed, where that is smaller.
    fn compressed(&mut self) -> Option<Vec<u8>> {
        if self.raw.len() < ZSTD_BYTES_MIN {
            return None;
        }
        if self.compressor.is_none() {
            // Without memory for a compressor the batch goes plain.
            self.compressor = Compressor::new(ZSTD_LEVEL).ok();
        }
        let body = self.compressor.as_mut()?.compress(&self.raw).ok()?;
        (body.len() < self.raw.len()).then_some(body)
    }
}

fn count(got: usize, max: u32) -> Result<u32, Error> {
    u32::try_from(got)
        .ok()
        .filter(|got| *got <= max)
        .ok_or(Error::Columns { problem: "there are more samples or columns than a batch may have" })
}

/// Decodes batches, reusing its buffers. One for each thread.
#[derive(Default)]
pub struct Decoder {
    raw: Vec<u8>,
    numbers: Vec<i64>,
    ids: Vec<SignalId>,
    heads: Vec<u8>,
    budget: Budget,
    /// For the columns of a group to come.
    columns: Vec<Column>,
    decompressor: Option<Decompressor<'static>>,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

/// Decodes one batch; see [`Decoder::decode`].
pub fn decode_columns(
    header: &BatchHeader,
    body: BodyRef<'_>,
    catalogue: &Catalogue,
) -> Result<Decoded, Error> {
    Decoder::default().decode(header, body, catalogue)
}

impl Decoder {
    /// Reads the columns that [`crate::parse_header`] announced. A column that is no good is left
    /// out and named; an error means that the whole body is malformed or needs another catalogue.
    pub fn decode(
        &mut self,
        header: &BatchHeader,
        body: BodyRef<'_>,
        catalogue: &Catalogue,
    ) -> Result<Decoded, Error> {
        if header.catalogue != catalogue.hash() {
            return Err(Error::Catalogue { batch: header.catalogue, ours: catalogue.hash() });
        }
        let mut raw = std::mem::take(&mut self.raw);
        let decoded = match header.encoding {
            Encoding::Plain => self.groups(header, body.bytes, catalogue),
            Encoding::Zstd => self
                .decompress(header, body.bytes, &mut raw)
                .and_then(|()| self.groups(header, &raw, catalogue)),
        };
        self.raw = raw;
        decoded
    }

    /// Takes the memory of rows that nobody needs any more, for batches to come.
    pub fn recycle(&mut self, rows: RowGroup) {
        let mut columns = rows.columns;
        columns.drain(..).for_each(|column| self.budget.recycle(column));
        self.columns = columns;
    }

    fn decompress(&mut self, header: &BatchHeader, body: &[u8], raw: &mut Vec<u8>) -> Result<(), Error> {
        let bad = Error::Compression { expected: header.raw_bytes };
        let expected = usize::try_from(header.raw_bytes).unwrap_or(usize::MAX);
        if expected > limits::BATCH_RAW_BYTES_MAX {
            return Err(bad);
        }
        let decompressor = match &mut self.decompressor {
            Some(decompressor) => decompressor,
            None => self.decompressor.insert(Decompressor::new().map_err(|_| bad.clone())?),
        };
        raw.clear();
        // The buffer's capacity is all that the decompressor may fill.
        raw.reserve_exact(expected);
        let got = decompressor.decompress_to_buffer(body, raw).map_err(|_| bad.clone())?;
        if got == expected { Ok(()) } else { Err(bad) }
    }

    fn groups(&mut self, header: &BatchHeader, raw: &[u8], catalogue: &Catalogue) -> Result<Decoded, Error> {
        let malformed = |place| Error::Body { place };
        let input = &mut &*raw;
        self.budget.reset();
        let mut left = Left { samples: header.samples, columns: header.columns };
        let groups = ints::read_count(input).ok_or(malformed("the number of groups"))?;
        let mut decoded = Decoded::default();
        for _ in 0..groups {
            self.one_group(header, input, &mut left, catalogue, &mut decoded).map_err(malformed)?;
        }
        if left.samples != 0 || left.columns != 0 || !input.is_empty() {
            return Err(malformed("the end"));
        }
        Ok(decoded)
    }

    fn one_group(
        &mut self,
        header: &BatchHeader,
        input: &mut &[u8],
        left: &mut Left,
        catalogue: &Catalogue,
        decoded: &mut Decoded,
    ) -> Result<(), &'static str> {
        let rows = ints::read_unsigned(input).ok_or("the number of rows")?;
        let columns = ints::read_unsigned(input).ok_or("the number of columns")?;
        let (rows, columns) = left.take(rows, columns).ok_or("the group's size")?;
        self.block(rows, input).ok_or("the times")?;
        let times: Vec<_> =
            self.numbers.iter().map(|offset| Timestamp(header.base_time.0 + offset)).collect();
        let bounds = limits::SOURCE_TIME_MIN..=limits::SOURCE_TIME_MAX;
        let sorted = times.is_sorted_by(|a, b| a < b)
            && times.first().is_some_and(|first| bounds.contains(first))
            && times.last().is_some_and(|last| bounds.contains(last));
        self.block(columns, input).ok_or("the signals")?;
        self.ids.clear();
        for number in &self.numbers {
            self.ids.push(SignalId(u32::try_from(*number).map_err(|_| "the signals")?));
        }
        if !self.ids.is_sorted_by(|a, b| a < b) {
            return Err("the signals");
        }
        self.block(columns, input).ok_or("the heads")?;
        self.heads.clear();
        for number in &self.numbers {
            self.heads.push(u8::try_from(*number).map_err(|_| "the heads")?);
        }
        self.block(columns, input).ok_or("the lengths")?;
        let mut group = RowGroup { times, columns: std::mem::take(&mut self.columns) };
        group.columns.reserve_exact(columns);
        for place in 0..columns {
            let (signal, head) = (self.ids[place], self.heads[place]);
            let length = usize::try_from(self.numbers[place]).map_err(|_| "the lengths")?;
            let (payload, rest) = input.split_at_checked(length).ok_or("the lengths")?;
            *input = rest;
            let column = if sorted {
                self.column(signal, head, rows, payload, catalogue)
            } else {
                Err(ColumnProblem::Times)
            };
            match column {
                Ok(column) => group.columns.push(column),
                Err(problem) => {
                    let samples = u32::try_from(rows).unwrap_or(u32::MAX);
                    decoded.bad_columns.push(BadColumn { signal, samples, problem });
                }
            }
        }
        if !group.columns.is_empty() {
            decoded.groups.push(group);
        }
        Ok(())
    }

    fn column(
        &mut self,
        signal: SignalId,
        head: u8,
        rows: usize,
        payload: &[u8],
        catalogue: &Catalogue,
    ) -> Result<Column, ColumnProblem> {
        let leaf = catalogue.by_id(signal).ok_or(ColumnProblem::UnknownSignal)?;
        column::decode(head, leaf, rows, payload, &mut self.budget).ok_or(ColumnProblem::Malformed)
    }

    /// Reads `count` numbers into `numbers`.
    fn block(&mut self, count: usize, input: &mut &[u8]) -> Option<()> {
        ints::decode_block(count, input, &mut self.numbers)
    }
}

/// What the header announced and no group has taken yet; so that nothing is allocated beyond it.
#[derive(Debug)]
struct Left {
    samples: u32,
    columns: u32,
}

impl Left {
    fn take(&mut self, rows: u64, columns: u64) -> Option<(usize, usize)> {
        let (rows, columns) = (u32::try_from(rows).ok()?, u32::try_from(columns).ok()?);
        if rows == 0 || columns == 0 {
            return None;
        }
        self.samples = self.samples.checked_sub(rows.checked_mul(columns)?)?;
        self.columns = self.columns.checked_sub(columns)?;
        Some((usize::try_from(rows).ok()?, usize::try_from(columns).ok()?))
    }
}
