//! Many small files of a partition become one, sorted as each of them was.

use std::{collections::HashSet, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, new_null_array},
    compute::interleave,
    datatypes::{Schema, TimestampMicrosecondType},
    error::ArrowError,
    record_batch::RecordBatch,
};
use bytes::Bytes;
use model::Timestamp;
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
const READ_ROWS: usize = 8 * 1024;

/// Rows that are put together before they are written.
const WRITE_ROWS: usize = 32 * 1024;

/// Files of one partition that are worth one file.
#[derive(Debug, Clone)]
pub struct Compaction {
    place: Place,
    files: Vec<Arc<DataFile>>,
}

impl Table {
    /// What is worth compacting. Partitions of days before `settled` are done with, so two files of
    /// them are enough; others wait until they have many.
    /// Files that are not committed yet are left alone. Blocks on the disk.
    pub fn compactions(&self, settled: Timestamp) -> Result<Vec<Compaction>, Error> {
        let target = self.options.file_bytes_target;
        let mut small = lock(&self.delta).files()?;
        small.retain(|file| file.bytes < target / 2);
        small.sort_by(|a, b| (a.place, &a.path).cmp(&(b.place, &b.path)));
        let small: Vec<_> = small.into_iter().map(Arc::new).collect();
        let mut found = Vec::new();
        for part in small.chunk_by(|a, b| a.place == b.place) {
            let closed = i64::from(part[0].place.day) < settled.day();
            let enough = if closed { 2 } else { self.options.compact_files_min };
            let mut files: Vec<Arc<DataFile>> = Vec::new();
            let mut bytes = 0;
            for file in part {
                if bytes + file.bytes > target && files.len() >= 2 {
                    found.push(Compaction { place: file.place, files: std::mem::take(&mut files) });
                    bytes = 0;
                }
                bytes += file.bytes;
                files.push(Arc::clone(file));
            }
            if files.len() >= enough.max(2) {
                found.push(Compaction { place: part[0].place, files });
            }
        }
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
    let batches: Box<Batches<'_>> = Box::new(Merge::new(schema, readers));
    pages::encode(place, &columns, batches, level)
}

/// Merges files that are each sorted by subject and time.
struct Merge {
    schema: Arc<Schema>,
    inputs: Vec<Input>,
    failed: bool,
}

/// A file that is being read.
struct Input {
    reader: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    row: usize,
}

/// Rows that were chosen: batches, and places in them.
#[derive(Default)]
struct Chosen {
    batches: Vec<RecordBatch>,
    rows: Vec<(usize, usize)>,
}

impl Merge {
    fn new(schema: Arc<Schema>, readers: Vec<ParquetRecordBatchReader>) -> Self {
        let inputs = readers.into_iter().map(|reader| Input { reader, batch: None, row: 0 }).collect();
        Self { schema, inputs, failed: false }
    }

    fn choose(&mut self) -> Result<Chosen, ArrowError> {
        let mut chosen = Chosen::default();
        while chosen.rows.len() < WRITE_ROWS {
            for input in &mut self.inputs {
                input.fill(&self.schema)?;
            }
            let Some(subject) = self.inputs.iter().filter_map(Input::subject).min().map(str::to_owned) else {
                break;
            };
            let begin = chosen.rows.len();
            let mut times = Vec::new();
            for input in &mut self.inputs {
                input.take(&subject, &self.schema, &mut chosen, &mut times)?;
            }
            // A stable sort: rows of one time stay in the order of their files.
            let mut order: Vec<_> = times.into_iter().zip(chosen.rows.drain(begin..)).collect();
            order.sort_by_key(|(time, _)| *time);
            chosen.rows.extend(order.into_iter().map(|(_, row)| row));
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
        while self.batch.as_ref().is_none_or(|batch| self.row >= batch.num_rows()) {
            let Some(batch) = self.reader.next() else {
                self.batch = None;
                return Ok(());
            };
            self.batch = Some(widen(&batch?, schema)?);
            self.row = 0;
        }
        Ok(())
    }

    fn subject(&self) -> Option<&str> {
        let subjects = self.batch.as_ref()?.column_by_name(SUBJECT)?.as_string_opt::<i32>()?;
        Some(subjects.value(self.row))
    }

    /// Takes all rows of a subject.
    fn take(
        &mut self,
        subject: &str,
        schema: &Arc<Schema>,
        chosen: &mut Chosen,
        times: &mut Vec<i64>,
    ) -> Result<(), ArrowError> {
        while self.subject() == Some(subject) {
            let Some(batch) = &self.batch else { return Ok(()) };
            let subjects = batch.column_by_name(SUBJECT).and_then(|column| column.as_string_opt::<i32>());
            let sources = batch
                .column_by_name(SOURCE_TIME)
                .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
            let (Some(subjects), Some(sources)) = (subjects, sources) else { return Ok(()) };
            let place = chosen.batches.len();
            let begin = self.row;
            while self.row < batch.num_rows() && subjects.value(self.row) == subject {
                chosen.rows.push((place, self.row));
                self.row += 1;
            }
            times.extend_from_slice(&sources.values()[begin..self.row]);
            chosen.batches.push(batch.clone());
            self.fill(schema)?;
        }
        Ok(())
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
