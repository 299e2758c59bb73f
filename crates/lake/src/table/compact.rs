//! Many small files of a partition become one, sorted as each of them was.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, AsArray as _, StringArray, new_null_array},
    buffer::ScalarBuffer,
    compute::interleave,
    datatypes::{Schema, TimestampMicrosecondType},
    error::ArrowError,
    record_batch::RecordBatch,
};
use bytes::Bytes;
use model::{Brand, Timestamp};
use object_store::ObjectStoreExt as _;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::{Batches, DataFile, Table, lock, pages};
use crate::{
    Error, Place,
    schema::{
        Columns,
        column::{SOURCE_TIME, SUBJECT},
    },
};

/// Rows that a file is read in.
const READ_ROWS: usize = 4 * 1024;

/// Rows that are put together before they are written.
const WRITE_ROWS: usize = 32 * 1024;

/// Files of one compaction: some rows of each are in memory.
const FILES_MAX: usize = 64;

/// A file is written again with others when it is at most so many times as large as they are together:
/// a row is then rewritten a few times in its life, however many latecomers there are.
const GAIN: u64 = 4;

/// Writing so many bytes again is no work.
const BYTES_MIN: u64 = 256 * 1024;

/// Files of one partition that are worth one file.
#[derive(Debug, Clone)]
pub struct Compaction {
    place: Place,
    files: Vec<Arc<DataFile>>,
}

impl Compaction {
    pub fn brand(&self) -> Brand {
        self.place.brand
    }

    /// How many files become one.
    pub fn files(&self) -> usize {
        self.files.len()
    }
}

impl Table {
    /// What is worth compacting, what spares readers most files first, and of equals the oldest.
    /// Partitions of days before `settled` are done with, so two files of them are enough; others
    /// wait until they have many. Files that are not committed yet are left alone. Blocks on the
    /// disk.
    pub fn compactions(&self, settled: Timestamp) -> Result<Vec<Compaction>, Error> {
        let target = self.options.file_bytes_target;
        let mut small = lock(&self.delta).files()?;
        small.retain(|file| file.bytes < target / 2);
        small.sort_by(|a, b| (a.place, a.bytes, &a.path).cmp(&(b.place, b.bytes, &b.path)));
        let small: Vec<_> = small.into_iter().map(Arc::new).collect();
        let mut found = Vec::new();
        for part in small.chunk_by(|a, b| a.place == b.place) {
            let place = part[0].place;
            let closed = i64::from(place.day) < settled.day();
            let enough = if closed { 2 } else { self.options.compact_files_min.max(2) };
            let worthwhile = alike(part, target).into_iter().filter(|files| files.len() >= enough);
            found.extend(worthwhile.map(|files| Compaction { place, files }));
        }
        found.sort_by_key(|found| (Reverse(found.files.len()), found.place.day, found.place));
        Ok(found)
    }

    /// Writes one file with the rows of many, and commits the exchange. The old files stay until
    /// [`Table::vacuum`], for queries that are reading them. The files must be committed.
    pub async fn compact(
        self: &Arc<Self>,
        compaction: &Compaction,
        now: Timestamp,
    ) -> Result<DataFile, Error> {
        let mut inputs = Vec::new();
        for file in &compaction.files {
            let location = self.location(&file.path);
            let read = self.store.get(&location).await.map_err(Error::storage("reading", &file.path))?;
            inputs.push((
                file.path.clone(),
                read.bytes().await.map_err(Error::storage("reading", &file.path))?,
            ));
        }
        let (place, level) = (self.place.clone(), self.options.compact_level);
        let encoded = tokio::task::spawn_blocking(move || merge(&place, inputs, level)).await;
        // The version that this will be: no other file can have the name, and a crash before the
        // commit leaves a file that the next attempt overwrites.
        let version = lock(&self.delta).version() + 1;
        let name = format!("compact-{version:020}");
        let file = self.put(compaction.place, &name, encoded.map_err(|_| Error::Stopped)??, now).await?;
        let old: HashSet<String> = compaction.files.iter().map(|file| file.path.clone()).collect();
        let (table, new) = (Arc::clone(self), file.clone());
        let committed = tokio::task::spawn_blocking(move || {
            lock(&table.delta).replace(&old, std::slice::from_ref(&new))?;
            // One step for queries: never both, never neither.
            let mut state = table.state();
            state.remove((new.place.brand, new.place.bucket), &old);
            state.add(vec![new]);
            drop(state);
            lock(&table.delta).checkpoint_if_due(table.options.checkpoint_commits)
        });
        committed.await.map_err(|_| Error::Stopped)??;
        Ok(file)
    }
}

/// Parts files that are sorted by size into some that are alike, each by path.
fn alike(files: &[Arc<DataFile>], target: u64) -> Vec<Vec<Arc<DataFile>>> {
    let mut parts: Vec<Vec<Arc<DataFile>>> = Vec::new();
    let mut bytes = 0;
    for file in files {
        let fits = bytes + file.bytes <= target && file.bytes <= bytes.max(BYTES_MIN) * GAIN;
        match parts.last_mut().filter(|part| fits && part.len() < FILES_MAX) {
            Some(part) => {
                part.push(Arc::clone(file));
                bytes += file.bytes;
            }
            None => {
                parts.push(vec![Arc::clone(file)]);
                bytes = file.bytes;
            }
        }
    }
    // Their names follow the log: rows of one time stay in its order.
    parts.iter_mut().for_each(|part| part.sort_by(|a, b| a.path.cmp(&b.path)));
    parts
}

fn merge(place: &str, inputs: Vec<(String, Bytes)>, level: i32) -> Result<pages::Encoded, Error> {
    let mut readers = Vec::new();
    let mut columns = Columns::default();
    for (path, bytes) in inputs {
        let metadata = pages::open(&bytes).map_err(Error::parquet("opening", &path))?;
        for (name, kind) in pages::columns_of(&metadata).iter() {
            columns.insert(name.to_owned(), kind);
        }
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata)
            .with_batch_size(READ_ROWS)
            .build()
            .map_err(Error::parquet("reading", &path))?;
        readers.push(reader);
    }
    let schema = columns.file_schema();
    let merge =
        Merge::new(schema, readers).map_err(|source| Error::Rows { place: place.to_owned(), source })?;
    let batches: Box<Batches<'_>> = Box::new(merge);
    pages::encode(place, &columns, batches, level)
}

/// Merges files that are each sorted by subject and time.
struct Merge {
    schema: Arc<Schema>,
    inputs: Vec<Input>,
    /// The next row of each input that has one.
    order: BinaryHeap<Reverse<Key>>,
    failed: bool,
}

/// What rows are sorted by; rows of one time stay in the order of their files.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    subject: Arc<str>,
    time: i64,
    input: usize,
}

/// A file that is being read.
struct Input {
    reader: ParquetRecordBatchReader,
    batch: Option<Rows>,
    row: usize,
    subject: Arc<str>,
    /// Where the batch is among those that were chosen from.
    chosen: Option<usize>,
}

/// Rows of a file with what they are sorted by.
struct Rows {
    batch: RecordBatch,
    subjects: StringArray,
    times: ScalarBuffer<i64>,
}

/// Rows that were chosen: batches, and places in them.
#[derive(Default)]
struct Chosen {
    batches: Vec<RecordBatch>,
    rows: Vec<(usize, usize)>,
}

impl Merge {
    fn new(schema: Arc<Schema>, readers: Vec<ParquetRecordBatchReader>) -> Result<Self, ArrowError> {
        let inputs = readers.into_iter().map(|reader| Input {
            reader,
            batch: None,
            row: 0,
            subject: "".into(),
            chosen: None,
        });
        let mut this = Self { schema, inputs: inputs.collect(), order: BinaryHeap::new(), failed: false };
        for input in 0..this.inputs.len() {
            this.await_turn(input)?;
        }
        Ok(this)
    }

    /// Puts an input's next row in order, if it has one.
    fn await_turn(&mut self, index: usize) -> Result<(), ArrowError> {
        let input = &mut self.inputs[index];
        input.fill(&self.schema)?;
        let Some(rows) = &input.batch else { return Ok(()) };
        let subject = rows.subjects.value(input.row);
        if *input.subject != *subject {
            input.subject = subject.into();
        }
        let key = Key { subject: Arc::clone(&input.subject), time: rows.times[input.row], input: index };
        self.order.push(Reverse(key));
        Ok(())
    }

    /// The next rows, at most [`WRITE_ROWS`] whatever the files hold of one subject.
    fn choose(&mut self) -> Result<Chosen, ArrowError> {
        let mut chosen = Chosen::default();
        self.inputs.iter_mut().for_each(|input| input.chosen = None);
        while chosen.rows.len() < WRITE_ROWS {
            let Some(Reverse(key)) = self.order.pop() else { break };
            let before = self.order.peek().map(|Reverse(key)| key);
            self.inputs[key.input].take(key.input, before, &mut chosen);
            self.await_turn(key.input)?;
        }
        Ok(chosen)
    }
}

impl Iterator for Merge {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let built = self.choose().and_then(|chosen| chosen.build(&self.schema));
        self.failed = built.is_err();
        built.transpose()
    }
}

impl Input {
    /// Has a row to give, unless the file is at its end.
    fn fill(&mut self, schema: &Arc<Schema>) -> Result<(), ArrowError> {
        while self.batch.as_ref().is_none_or(|rows| self.row >= rows.batch.num_rows()) {
            self.chosen = None;
            self.row = 0;
            let Some(batch) = self.reader.next() else {
                self.batch = None;
                return Ok(());
            };
            self.batch = Some(Rows::of(widen(&batch?, schema)?)?);
        }
        Ok(())
    }

    /// Takes the rows of its batch that come before another input's next one.
    fn take(&mut self, index: usize, before: Option<&Key>, chosen: &mut Chosen) {
        let Some(rows) = &self.batch else { return };
        let place = *self.chosen.get_or_insert_with(|| {
            chosen.batches.push(rows.batch.clone());
            chosen.batches.len() - 1
        });
        while self.row < rows.batch.num_rows() && chosen.rows.len() < WRITE_ROWS {
            let key = (rows.subjects.value(self.row), rows.times[self.row], index);
            if before.is_some_and(|before| key > (&*before.subject, before.time, before.input)) {
                return;
            }
            chosen.rows.push((place, self.row));
            self.row += 1;
        }
    }
}

impl Rows {
    fn of(batch: RecordBatch) -> Result<Self, ArrowError> {
        let missing = || ArrowError::SchemaError("a data file lacks its subject or time column".to_owned());
        let subjects = batch.column_by_name(SUBJECT).and_then(|column| column.as_string_opt::<i32>());
        let times = batch
            .column_by_name(SOURCE_TIME)
            .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
        let subjects = subjects.ok_or_else(missing)?.clone();
        let times = times.ok_or_else(missing)?.values().clone();
        Ok(Self { batch, subjects, times })
    }
}

impl Chosen {
    /// `None` when there is nothing left.
    fn build(self, schema: &Arc<Schema>) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = (0..schema.fields().len())
            .map(|index| {
                let arrays: Vec<_> = self.batches.iter().map(|batch| batch.column(index).as_ref()).collect();
                interleave(&arrays, &self.rows)
            })
            .collect::<Result<_, _>>()?;
        RecordBatch::try_new(Arc::clone(schema), columns).map(Some)
    }
}

/// A batch with all columns of the new file; those that its own file lacks are null.
fn widen(batch: &RecordBatch, schema: &Arc<Schema>) -> Result<RecordBatch, ArrowError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => arrow::compute::cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        })
        .collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}
