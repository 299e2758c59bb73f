//! From buffered chunks to sorted batches of Arrow columns.

use std::{collections::HashMap, ops::Range, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, Decimal64Array, Int64Array, ListArray, MapArray, StringArray, StringBuilder,
        StructArray, TimestampMicrosecondArray,
    },
    buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{DataType, Schema},
    error::ArrowError,
    record_batch::RecordBatch,
};
use campaigns::{ArrayColumn, Column, ColumnData, Exception};
use model::SubjectId;
use signals::Quality;

use crate::{
    Batch, Chunk,
    schema::{ColumnKind, Columns, Names, PRECISION, ScalarKind, column::QUALITY, list_item},
};

/// Rows that are turned into Arrow at a time: some megabytes for a wide table.
const BATCH_ROWS: usize = 32 * 1024;

/// Consecutive rows of one chunk that become consecutive rows of the file.
#[derive(Debug, Clone, Copy)]
struct Run {
    chunk: usize,
    start: usize,
    len: usize,
    /// The first of the rows that they become; other runs may give it other columns.
    row: usize,
}

/// What is not good in a row: the row within the batch, the column's name, and how.
type Remark = (usize, Arc<str>, String);

/// The rows of chunks that are sorted by subject and first time, sorted by subject and time. Rows of
/// one batch with the same time are one row, unless they have a column in common.
pub(super) fn batches<'a>(
    chunks: &'a [Arc<Chunk>],
    columns: &'a Columns,
    names: &Names,
) -> Box<super::Batches<'a>> {
    let schema = columns.file_schema();
    let known = columns.iter().map(|(name, kind)| (Arc::from(name), kind)).collect::<Vec<(Arc<str>, _)>>();
    let slots = slots(chunks, &known, names);
    let mut parts = parts(runs(chunks)).into_iter();
    Box::new(std::iter::from_fn(move || {
        let (rows, runs) = parts.next()?;
        Some(Part { chunks, rows, runs: &runs, slots: &slots }.build(&schema, &known))
    }))
}

/// For each chunk the place of each of the file's columns among the chunk's own.
fn slots(chunks: &[Arc<Chunk>], known: &[(Arc<str>, ColumnKind)], names: &Names) -> Vec<Vec<Option<u32>>> {
    let mut slots = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let mut of_chunk = vec![None; known.len()];
        for (index, column) in chunk.rows.columns.iter().enumerate() {
            let Some((name, _)) = names.known(&chunk.catalogue, column.signal) else { continue };
            if let Ok(place) = known.binary_search_by(|(known, _)| known.as_ref().cmp(name)) {
                of_chunk[place] = u32::try_from(index).ok();
            }
        }
        slots.push(of_chunk);
    }
    slots
}

/// The order of rows. Batches of one lane follow each other, so that most runs are whole chunks;
/// where chunks overlap, rows are sorted one by one.
fn runs(chunks: &[Arc<Chunk>]) -> Vec<Run> {
    let mut runs = Vec::with_capacity(chunks.len());
    let mut rows = 0;
    let mut begin = 0;
    while begin < chunks.len() {
        let subject = chunks[begin].subject;
        let mut end = begin + 1;
        let mut overlap = false;
        while end < chunks.len() && chunks[end].subject == subject {
            overlap |= chunks[end].rows.times.first() <= chunks[end - 1].rows.times.last();
            end += 1;
        }
        if overlap {
            rows = interleave(chunks, begin..end, rows, &mut runs);
        } else {
            for (chunk, of) in chunks.iter().enumerate().take(end).skip(begin) {
                let len = of.rows.times.len();
                runs.push(Run { chunk, start: 0, len, row: rows });
                rows += len;
            }
        }
        begin = end;
    }
    runs
}

/// Adds the runs of chunks whose rows follow `before` others; says how many rows there are then.
fn interleave(chunks: &[Arc<Chunk>], range: Range<usize>, before: usize, runs: &mut Vec<Run>) -> usize {
    let mut order: Vec<_> = range
        .clone()
        .flat_map(|chunk| {
            let of_chunk = &*chunks[chunk];
            of_chunk.spans_of(0..of_chunk.rows.times.len()).flat_map(move |(rows, batch)| {
                rows.map(move |at| (of_chunk.rows.times[at], batch, chunk, at))
            })
        })
        .collect();
    order.sort_unstable();
    // The latest run of each chunk.
    let mut latest = vec![None; range.len()];
    let mut shared = Shared::default();
    let mut rows = before;
    for (index, (time, batch, chunk, at)) in order.iter().enumerate() {
        let same = index
            .checked_sub(1)
            .and_then(|last| order.get(last))
            .is_some_and(|(t, b, ..)| t == time && b == batch);
        if !(same && shared.join(chunks, *chunk)) {
            shared.begin(*chunk);
            rows += 1;
        }
        let row = rows - 1;
        let place = &mut latest[chunk - range.start];
        match place.and_then(|run: usize| runs.get_mut(run)) {
            Some(run) if run.start + run.len == *at && run.row + run.len == row => run.len += 1,
            Some(_) | None => {
                *place = Some(runs.len());
                runs.push(Run { chunk: *chunk, start: *at, len: 1, row });
            }
        }
    }
    rows
}

/// The chunks that a row has columns of.
#[derive(Debug, Default)]
struct Shared {
    chunks: Vec<usize>,
    /// Whether two chunks have no column in common.
    apart: HashMap<(usize, usize), bool>,
}

impl Shared {
    fn begin(&mut self, chunk: usize) {
        self.chunks.clear();
        self.chunks.push(chunk);
    }

    /// Adds a chunk unless the row has one of its columns.
    fn join(&mut self, chunks: &[Arc<Chunk>], chunk: usize) -> bool {
        let Self { chunks: here, apart } = self;
        let joins = here.iter().all(|other| {
            *apart.entry((*other, chunk)).or_insert_with(|| {
                let columns = &chunks[*other].rows.columns;
                let has =
                    |column: &Column| columns.binary_search_by_key(&column.signal, |c| c.signal).is_ok();
                !chunks[chunk].rows.columns.iter().any(has)
            })
        });
        if joins {
            here.push(chunk);
        }
        joins
    }
}

/// Parts runs into batches of at most [`BATCH_ROWS`], in which rows count from 0.
fn parts(runs: Vec<Run>) -> Vec<(usize, Vec<Run>)> {
    let mut parts: Vec<(usize, Vec<Run>)> = Vec::new();
    for mut run in runs {
        while run.len > 0 {
            let (part, row) = (run.row / BATCH_ROWS, run.row % BATCH_ROWS);
            let len = run.len.min(BATCH_ROWS - row);
            if parts.len() <= part {
                parts.resize_with(part + 1, Default::default);
            }
            let (rows, of_part) = &mut parts[part];
            *rows = (*rows).max(row + len);
            of_part.push(Run { len, row, ..run });
            run = Run { chunk: run.chunk, start: run.start + len, len: run.len - len, row: run.row + len };
        }
    }
    parts
}

struct Part<'a> {
    chunks: &'a [Arc<Chunk>],
    rows: usize,
    runs: &'a [Run],
    slots: &'a [Vec<Option<u32>>],
}

/// Values of a column that become consecutive rows.
struct Piece<'a> {
    data: &'a ColumnData,
    start: usize,
    len: usize,
    row: usize,
}

impl Part<'_> {
    fn build(
        &self,
        schema: &Arc<Schema>,
        known: &[(Arc<str>, ColumnKind)],
    ) -> Result<RecordBatch, ArrowError> {
        let mut remarks = Vec::new();
        let signals: Vec<ArrayRef> = known
            .iter()
            .enumerate()
            .map(|(place, (name, kind))| self.signal(place, name, *kind, &mut remarks))
            .collect::<Result<_, _>>()?;
        remarks.sort_unstable();
        let (subjects, batches) = self.origins();
        let whole = |value: fn(&Batch) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(batches.iter().map(|batch| value(batch))))
        };
        let word = |value: fn(&Batch) -> &'static str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(batches.iter().map(|batch| value(batch))))
        };
        let received =
            TimestampMicrosecondArray::from_iter_values(batches.iter().map(|batch| batch.received.0));
        let mut arrays: Vec<ArrayRef> = vec![
            texts(&subjects),
            Arc::new(self.times().with_timezone("UTC")),
            Arc::new(received.with_timezone("UTC")),
            whole(|batch| i64::from(batch.epoch.0)),
            word(|batch| batch.lane.slug()),
            whole(|batch| signed(batch.seq.0)),
            whole(|batch| signed(batch.campaign.0)),
            whole(|batch| i64::from(batch.version.0)),
            word(|batch| batch.purpose.slug()),
            whole(|batch| i64::from(batch.consent_epoch.0)),
            word(|batch| batch.clock.slug()),
            quality(schema, self.rows, &remarks)?,
        ];
        arrays.extend(signals);
        RecordBatch::try_new(Arc::clone(schema), arrays)
    }

    /// The subject and the batch of each row: what chunks give to one row is of one batch.
    fn origins(&self) -> (Vec<SubjectId>, Vec<&Batch>) {
        let Some(first) = self.runs.first().map(|run| &self.chunks[run.chunk]) else {
            return (Vec::new(), Vec::new());
        };
        let mut subjects = vec![first.subject; self.rows];
        let mut batches = vec![&first.batches[0].1; self.rows];
        for run in self.runs {
            let chunk = &self.chunks[run.chunk];
            subjects[run.row..run.row + run.len].fill(chunk.subject);
            let taken = run.start..run.start + run.len;
            for (rows, batch) in chunk.spans_of(taken.clone()) {
                batches[run.row + rows.start - taken.start..run.row + rows.end - taken.start].fill(batch);
            }
        }
        (subjects, batches)
    }

    fn times(&self) -> TimestampMicrosecondArray {
        let mut times = vec![0; self.rows];
        for run in self.runs {
            let of_chunk = &self.chunks[run.chunk].rows.times[run.start..run.start + run.len];
            for (row, time) in times[run.row..].iter_mut().zip(of_chunk) {
                *row = time.0;
            }
        }
        times.into()
    }

    /// The column of a signal, null where a chunk does not have it or has no value.
    fn signal(
        &self,
        place: usize,
        name: &Arc<str>,
        kind: ColumnKind,
        remarks: &mut Vec<Remark>,
    ) -> Result<ArrayRef, ArrowError> {
        let mut valid = vec![false; self.rows];
        let mut pieces = Vec::with_capacity(self.runs.len());
        for run in self.runs {
            let column = self.slots[run.chunk][place]
                .and_then(|index| self.chunks[run.chunk].rows.columns.get(usize::try_from(index).ok()?));
            let Some(column) = column else { continue };
            valid[run.row..run.row + run.len].fill(true);
            mark(column, *run, name, &mut valid, remarks);
            pieces.push(Piece { data: &column.data, start: run.start, len: run.len, row: run.row });
        }
        match kind {
            ColumnKind::Scalar(scalar) => gather(scalar, self.rows, &pieces, &valid),
            ColumnKind::List(scalar) => gather_lists(scalar, self.rows, &pieces, &valid),
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn texts(subjects: &[SubjectId]) -> ArrayRef {
    let mut builder = StringBuilder::new();
    for same in subjects.chunk_by(|a, b| a == b) {
        let text = same[0].to_string();
        same.iter().for_each(|_| builder.append_value(&text));
    }
    Arc::new(builder.finish())
}

/// Marks what is not good in a run; a row without a value of the column's type becomes null.
fn mark(column: &Column, run: Run, name: &Arc<str>, valid: &mut [bool], remarks: &mut Vec<Remark>) {
    let place = |exception: &Exception| usize::try_from(exception.row).unwrap_or(usize::MAX);
    let first = column.exceptions.partition_point(|exception| place(exception) < run.start);
    for exception in &column.exceptions[first..] {
        let at = place(exception);
        if at >= run.start + run.len {
            return;
        }
        let row = run.row + at - run.start;
        if exception.quality == Quality::NotAvailable || exception.raw.is_some() {
            valid[row] = false;
        }
        let text = match &exception.raw {
            Some(raw) => format!("{}={raw}", exception.quality.slug()),
            None => exception.quality.slug().to_owned(),
        };
        remarks.push((row, Arc::clone(name), text));
    }
}

/// A piece that is not of the column's kind cannot be: the decoder checks each against its leaf.
fn mixed() -> ArrowError {
    ArrowError::SchemaError("a chunk's column is not of its leaf's type".to_owned())
}

/// `None` where all rows have a value.
fn nulls(valid: &[bool]) -> Option<NullBuffer> {
    Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0)
}

/// Where there is no value, any will do: a null takes no space in Parquet.
fn gather(
    scalar: ScalarKind,
    rows: usize,
    pieces: &[Piece<'_>],
    valid: &[bool],
) -> Result<ArrayRef, ArrowError> {
    match scalar {
        ScalarKind::Decimal(scale) => {
            let mut values = vec![0; rows];
            for Piece { data, start, len, row } in pieces {
                let ColumnData::Fixed(fixed) = data else { return Err(mixed()) };
                values[*row..row + len].copy_from_slice(&fixed[*start..start + len]);
            }
            let array = Decimal64Array::try_new(ScalarBuffer::from(values), nulls(valid))?;
            Ok(Arc::new(array.with_precision_and_scale(PRECISION, scale.cast_signed())?))
        }
        ScalarKind::Boolean => {
            let mut values = vec![false; rows];
            for Piece { data, start, len, row } in pieces {
                let ColumnData::Bool(bools) = data else { return Err(mixed()) };
                values[*row..row + len].copy_from_slice(&bools[*start..start + len]);
            }
            Ok(Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls(valid))))
        }
        ScalarKind::Text => {
            let mut values: Vec<Option<&str>> = vec![None; rows];
            for Piece { data, start, len, row } in pieces {
                let ColumnData::Text(texts) = data else { return Err(mixed()) };
                for (value, at) in values[*row..row + len].iter_mut().zip(*start..) {
                    *value = texts.get(at).map(AsRef::as_ref);
                }
            }
            let values = values.into_iter().zip(valid).map(|(value, valid)| value.filter(|_| *valid));
            Ok(Arc::new(values.collect::<StringArray>()))
        }
    }
}

fn gather_lists(
    scalar: ScalarKind,
    rows: usize,
    pieces: &[Piece<'_>],
    valid: &[bool],
) -> Result<ArrayRef, ArrowError> {
    let mut lists: Vec<Option<(&ArrayColumn, usize)>> = vec![None; rows];
    for Piece { data, start, len, row } in pieces {
        let ColumnData::Array(array) = data else { return Err(mixed()) };
        for (list, at) in lists[*row..row + len].iter_mut().zip(*start..) {
            *list = Some((array, at));
        }
    }
    let mut lengths = Vec::with_capacity(rows);
    let mut items = Vec::new();
    let mut count = 0;
    for (list, valid) in lists.into_iter().zip(valid) {
        let Some((array, at)) = list.filter(|_| *valid) else {
            lengths.push(0);
            continue;
        };
        let end_of = |row: usize| array.ends.get(row).map_or(0, |end| *end as usize);
        let start = at.checked_sub(1).map_or(0, end_of);
        let len = end_of(at).saturating_sub(start);
        items.push(Piece { data: &array.items, start, len, row: count });
        lengths.push(len);
        count += len;
    }
    let values = gather(scalar, count, &items, &vec![true; count])?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(list_item(scalar), offsets, values, nulls(valid))?))
}

/// The quality map: null but for rows in which something is not good.
fn quality(schema: &Schema, rows: usize, remarks: &[Remark]) -> Result<ArrayRef, ArrowError> {
    let field = schema.field_with_name(QUALITY)?;
    let DataType::Map(entries, _) = field.data_type() else {
        return Err(ArrowError::SchemaError("the quality column is a map".to_owned()));
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(ArrowError::SchemaError("a map has a struct of keys and values".to_owned()));
    };
    let mut lengths = vec![0; rows];
    for (row, _, _) in remarks {
        lengths[*row] += 1;
    }
    let nulls = NullBuffer::new(BooleanBuffer::collect_bool(rows, |row| lengths[row] > 0));
    let keys = StringArray::from_iter_values(remarks.iter().map(|(_, name, _)| name));
    let values = StringArray::from_iter_values(remarks.iter().map(|(_, _, text)| text));
    let entries_array = StructArray::try_new(fields.clone(), vec![Arc::new(keys), Arc::new(values)], None)?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, entries_array, Some(nulls), false)?))
}
