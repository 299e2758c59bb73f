//! From buffered chunks to sorted batches of Arrow columns.

use std::sync::Arc;

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
use campaigns::{Column, ColumnData};
use signals::Quality;

use crate::{
    Chunk,
    schema::{ColumnKind, Columns, Names, PRECISION, ScalarKind, column::QUALITY, list_item},
};

/// Rows that are turned into Arrow at a time: some megabytes for a wide table.
const BATCH_ROWS: usize = 32 * 1024;

/// Consecutive rows of one chunk.
#[derive(Debug, Clone, Copy)]
struct Run {
    chunk: usize,
    start: usize,
    len: usize,
}

/// What is not good in a row: the row within the batch, the column's name, and how.
type Remark = (usize, Arc<str>, String);

/// The rows of chunks that are sorted by subject and first time, sorted by subject and time.
pub(super) fn batches<'a>(
    chunks: &'a [Arc<Chunk>],
    columns: &'a Columns,
    names: &Names,
) -> Box<super::Batches<'a>> {
    let schema = columns.file_schema();
    let known = columns.iter().map(|(name, kind)| (Arc::from(name), kind)).collect::<Vec<(Arc<str>, _)>>();
    let slots = slots(chunks, &known, names);
    let mut runs = batch_runs(runs(chunks)).into_iter();
    Box::new(std::iter::from_fn(move || {
        let runs = runs.next()?;
        Some(Batch { chunks, runs: &runs, slots: &slots }.build(&schema, &known))
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
/// where lanes overlap, rows are sorted one by one.
fn runs(chunks: &[Arc<Chunk>]) -> Vec<Run> {
    let mut runs = Vec::with_capacity(chunks.len());
    let mut begin = 0;
    while begin < chunks.len() {
        let subject = chunks[begin].subject;
        let mut end = begin + 1;
        let mut overlap = false;
        while end < chunks.len() && chunks[end].subject == subject {
            overlap |= chunks[end].rows.times.first() < chunks[end - 1].rows.times.last();
            end += 1;
        }
        if overlap {
            interleave(chunks, begin..end, &mut runs);
        } else {
            runs.extend((begin..end).map(|chunk| Run {
                chunk,
                start: 0,
                len: chunks[chunk].rows.times.len(),
            }));
        }
        begin = end;
    }
    runs
}

fn interleave(chunks: &[Arc<Chunk>], range: std::ops::Range<usize>, runs: &mut Vec<Run>) {
    let mut rows: Vec<_> = range
        .flat_map(|chunk| {
            chunks[chunk].rows.times.iter().enumerate().map(move |(row, time)| (*time, chunk, row))
        })
        .collect();
    rows.sort_unstable();
    let first = runs.len();
    for (_, chunk, row) in rows {
        match runs.get_mut(first..).and_then(<[Run]>::last_mut) {
            Some(run) if run.chunk == chunk && run.start + run.len == row => run.len += 1,
            Some(_) | None => runs.push(Run { chunk, start: row, len: 1 }),
        }
    }
}

/// Parts runs into batches of at most [`BATCH_ROWS`].
fn batch_runs(runs: Vec<Run>) -> Vec<Vec<Run>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut rows = 0;
    for mut run in runs {
        while rows + run.len > BATCH_ROWS {
            let len = BATCH_ROWS - rows;
            if len > 0 {
                batch.push(Run { len, ..run });
            }
            batches.push(std::mem::take(&mut batch));
            rows = 0;
            run = Run { chunk: run.chunk, start: run.start + len, len: run.len - len };
        }
        rows += run.len;
        batch.push(run);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

struct Batch<'a> {
    chunks: &'a [Arc<Chunk>],
    runs: &'a [Run],
    slots: &'a [Vec<Option<u32>>],
}

impl Batch<'_> {
    fn build(
        &self,
        schema: &Arc<Schema>,
        known: &[(Arc<str>, ColumnKind)],
    ) -> Result<RecordBatch, ArrowError> {
        let rows = self.runs.iter().map(|run| run.len).sum();
        let mut remarks = Vec::new();
        let signals: Vec<ArrayRef> = known
            .iter()
            .enumerate()
            .map(|(place, (name, kind))| self.signal(place, name, *kind, rows, &mut remarks))
            .collect::<Result<_, _>>()?;
        remarks.sort_unstable();
        let mut arrays: Vec<ArrayRef> = vec![
            self.each(|chunk| Some(chunk.subject.to_string())),
            Arc::new(self.times(rows).with_timezone("UTC")),
            Arc::new(
                TimestampMicrosecondArray::from(self.repeat(|chunk| chunk.batch.received.0))
                    .with_timezone("UTC"),
            ),
            Arc::new(Int64Array::from(self.repeat(|chunk| i64::from(chunk.batch.epoch.0)))),
            self.each(|chunk| Some(chunk.batch.lane.slug().to_owned())),
            Arc::new(Int64Array::from(
                self.repeat(|chunk| i64::try_from(chunk.batch.seq.0).unwrap_or(i64::MAX)),
            )),
            quality(schema, rows, &remarks)?,
        ];
        arrays.extend(signals);
        RecordBatch::try_new(Arc::clone(schema), arrays)
    }

    fn times(&self, rows: usize) -> TimestampMicrosecondArray {
        let mut times = Vec::with_capacity(rows);
        for run in self.runs {
            let chunk = &self.chunks[run.chunk].rows.times[run.start..run.start + run.len];
            times.extend(chunk.iter().map(|time| time.0));
        }
        times.into()
    }

    fn repeat(&self, value: impl Fn(&Chunk) -> i64) -> Vec<i64> {
        self.runs
            .iter()
            .flat_map(|run| std::iter::repeat_n(value(&self.chunks[run.chunk]), run.len))
            .collect()
    }

    fn each(&self, text: impl Fn(&Chunk) -> Option<String>) -> ArrayRef {
        let mut builder = StringBuilder::new();
        for run in self.runs {
            let text = text(&self.chunks[run.chunk]);
            for _ in 0..run.len {
                builder.append_option(text.as_deref());
            }
        }
        Arc::new(builder.finish())
    }

    /// The column of a signal, null where a chunk does not have it or has no value.
    fn signal(
        &self,
        place: usize,
        name: &Arc<str>,
        kind: ColumnKind,
        rows: usize,
        remarks: &mut Vec<Remark>,
    ) -> Result<ArrayRef, ArrowError> {
        let mut valid = arrow::array::BooleanBufferBuilder::new(rows);
        let mut pieces = Vec::with_capacity(self.runs.len());
        for run in self.runs {
            let column = self.slots[run.chunk][place]
                .and_then(|index| self.chunks[run.chunk].rows.columns.get(usize::try_from(index).ok()?));
            let before = valid.len();
            valid.append_n(run.len, column.is_some());
            if let Some(column) = column {
                mark(column, *run, before, name, &mut valid, remarks);
            }
            pieces.push((column.map(|column| &column.data), run.start, run.len));
        }
        let nulls = Some(NullBuffer::new(valid.finish())).filter(|nulls| nulls.null_count() > 0);
        match kind {
            ColumnKind::Scalar(scalar) => gather(scalar, &pieces, nulls),
            ColumnKind::List(scalar) => gather_lists(scalar, &pieces, nulls),
        }
    }
}

/// Marks what is not good in a run; a row without a value of the column's type becomes null.
fn mark(
    column: &Column,
    run: Run,
    before: usize,
    name: &Arc<str>,
    valid: &mut arrow::array::BooleanBufferBuilder,
    remarks: &mut Vec<Remark>,
) {
    if column.exceptions.is_empty() {
        return;
    }
    for exception in &column.exceptions {
        let row = usize::try_from(exception.row).unwrap_or(usize::MAX);
        if row < run.start || row >= run.start + run.len {
            continue;
        }
        let row = before + row - run.start;
        if exception.quality == Quality::NotAvailable || exception.raw.is_some() {
            valid.set_bit(row, false);
        }
        let text = match &exception.raw {
            Some(raw) => format!("{}={raw}", exception.quality.slug()),
            None => exception.quality.slug().to_owned(),
        };
        remarks.push((row, Arc::clone(name), text));
    }
}

type Piece<'a> = (Option<&'a ColumnData>, usize, usize);

/// A piece that is not of the column's kind cannot be: the decoder checks each against its leaf.
fn mixed() -> ArrowError {
    ArrowError::SchemaError("a chunk's column is not of its leaf's type".to_owned())
}

fn gather(
    scalar: ScalarKind,
    pieces: &[Piece<'_>],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let rows = pieces.iter().map(|(_, _, len)| len).sum();
    match scalar {
        ScalarKind::Decimal(scale) => {
            let mut values: Vec<i64> = Vec::with_capacity(rows);
            for (data, start, len) in pieces {
                match data {
                    Some(ColumnData::Fixed(fixed)) => values.extend_from_slice(&fixed[*start..start + len]),
                    // A null takes no space in Parquet, so any value will do.
                    None => values.resize(values.len() + len, 0),
                    Some(ColumnData::Bool(_) | ColumnData::Text(_) | ColumnData::Array(_)) => {
                        return Err(mixed());
                    }
                }
            }
            let array = Decimal64Array::try_new(ScalarBuffer::from(values), nulls)?;
            Ok(Arc::new(array.with_precision_and_scale(PRECISION, scale.cast_signed())?))
        }
        ScalarKind::Boolean => {
            let mut values = arrow::array::BooleanBufferBuilder::new(rows);
            for (data, start, len) in pieces {
                match data {
                    Some(ColumnData::Bool(bools)) => values.append_slice(&bools[*start..start + len]),
                    None => values.append_n(*len, false),
                    Some(ColumnData::Fixed(_) | ColumnData::Text(_) | ColumnData::Array(_)) => {
                        return Err(mixed());
                    }
                }
            }
            Ok(Arc::new(BooleanArray::new(values.finish(), nulls)))
        }
        ScalarKind::Text => {
            let mut builder = StringBuilder::with_capacity(rows, rows);
            let mut row = 0;
            for (data, start, len) in pieces {
                for at in *start..start + len {
                    let text = match data {
                        Some(ColumnData::Text(texts)) => texts.get(at).map(Arc::as_ref),
                        None => None,
                        Some(ColumnData::Fixed(_) | ColumnData::Bool(_) | ColumnData::Array(_)) => {
                            return Err(mixed());
                        }
                    };
                    let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                    builder.append_option(text.filter(|_| valid));
                    row += 1;
                }
            }
            Ok(Arc::new(builder.finish()))
        }
    }
}

fn gather_lists(
    scalar: ScalarKind,
    pieces: &[Piece<'_>],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let mut lengths = Vec::new();
    let mut items: Vec<Piece<'_>> = Vec::new();
    for (data, start, len) in pieces {
        match data {
            Some(ColumnData::Array(array)) => {
                for row in *start..start + len {
                    let end = array.ends.get(row).map_or(0, |end| *end as usize);
                    let begin =
                        row.checked_sub(1).and_then(|row| array.ends.get(row)).map_or(0, |end| *end as usize);
                    let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(lengths.len()));
                    let count = if valid { end.saturating_sub(begin) } else { 0 };
                    items.push((Some(&array.items), begin, count));
                    lengths.push(count);
                }
            }
            None => lengths.resize(lengths.len() + len, 0),
            Some(ColumnData::Fixed(_) | ColumnData::Bool(_) | ColumnData::Text(_)) => return Err(mixed()),
        }
    }
    let values = gather(scalar, &items, None)?;
    Ok(Arc::new(ListArray::try_new(list_item(scalar), OffsetBuffer::from_lengths(lengths), values, nulls)?))
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
