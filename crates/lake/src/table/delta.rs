//! The table's Delta log, by way of `delta_kernel`.
//!
//! The kernel sorts out versions, checkpoints and protocol; the data files are ours. Everything
//! here blocks on the disk.

use std::{collections::HashSet, sync::Arc};

use arrow::{
    array::{
        Array as _, ArrayRef, AsArray as _, Int64Array, MapBuilder, MapFieldNames, StringArray,
        StringBuilder, StructArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Int64Type, Schema},
    record_batch::RecordBatch,
};
use delta_kernel::{
    EngineData, Snapshot,
    committer::FileSystemCommitter,
    engine::arrow_data::ArrowEngineData,
    engine_data::FilteredEngineData,
    scan::{ScanMetadata, StatsOptions},
    schema::StructType,
    snapshot::SnapshotRef,
    transaction::{
        CommitResult, Transaction, UpdateTableOperation, create_table::create_table, data_layout::DataLayout,
    },
};
use delta_kernel_default_engine::{
    DefaultEngine, DefaultEngineBuilder, executor::tokio::TokioMultiThreadExecutor,
};
use model::{ShardId, Timestamp};
use object_store::ObjectStore;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::file::{DataFile, date};
use crate::{
    Error, TableName,
    schema::{
        Columns,
        column::{BRAND, BUCKET, DATE, RECEIVE_TIME, SOURCE_TIME},
        delta_field, delta_fixed,
    },
};

const ENGINE: &str = concat!("marque/", env!("CARGO_PKG_VERSION"));

/// Ours, beside Delta's own properties: a table's buckets never change.
const BUCKETS_PROPERTY: &str = "marque.buckets";

/// Only these columns have statistics in Delta's log: what stands there outlives the file, so it
/// may say nothing of a person.
const STATS_COLUMNS: &str = "source_time,receive_time";

pub(super) struct Delta {
    name: TableName,
    engine: DefaultEngine<TokioMultiThreadExecutor>,
    /// For people.
    place: String,
    snapshot: SnapshotRef,
    checkpointed: u64,
}

impl std::fmt::Debug for Delta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delta").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Delta {
    /// Opens the table, or creates it without signal columns.
    pub(super) fn open(
        store: Arc<dyn ObjectStore>,
        name: TableName,
        url: &str,
        buckets: u32,
    ) -> Result<Self, Error> {
        let place = url.to_owned();
        let failed = || Error::delta("opening", &place);
        let runtime =
            Handle::try_current().ok().filter(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        let executor = TokioMultiThreadExecutor::new(runtime.ok_or(Error::Runtime)?);
        let engine = DefaultEngineBuilder::new(store).with_task_executor(Arc::new(executor)).build();
        create(&engine, url, buckets).map_err(Error::delta("creating", &place))?;
        let snapshot = Snapshot::builder_for(url).build(&engine).map_err(failed())?;
        // Counted from the last one that there is, whichever life wrote it.
        let checkpointed = snapshot.log_segment().checkpoint_version.unwrap_or(0);
        Ok(Self { name, engine, place, snapshot, checkpointed })
    }

    pub(super) fn buckets(&self) -> u32 {
        let property = self.snapshot.metadata_configuration().get(BUCKETS_PROPERTY);
        property.and_then(|text| text.parse().ok()).unwrap_or(1)
    }

    pub(super) fn columns(&self) -> Result<Columns, Error> {
        Columns::of_delta(self.name, &self.snapshot.schema())
    }

    /// The version of the table's newest state.
    pub(super) fn version(&self) -> u64 {
        self.snapshot.version()
    }

    pub(super) fn committed(&self, shard: ShardId) -> Result<Option<u64>, Error> {
        let version = self
            .snapshot
            .get_app_id_version(&app_id(shard), &self.engine)
            .map_err(Error::delta("reading transactions", &self.place))?;
        Ok(version.and_then(|version| u64::try_from(version).ok()))
    }

    /// All files of the table.
    pub(super) fn files(&self) -> Result<Vec<DataFile>, Error> {
        let mut files = Vec::new();
        for part in self.scan()? {
            let (rows, selected) = self.scanned(part)?;
            read_files(&rows, &selected, &mut files)?;
        }
        Ok(files)
    }

    /// Adds what the table lacks of these columns.
    pub(super) fn add_columns(&mut self, columns: &Columns) -> Result<(), Error> {
        let have = self.columns()?;
        let missing: Vec<_> = columns.iter().filter(|(name, _)| !have.contains(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut change =
            Arc::clone(&self.snapshot).update_table(UpdateTableOperation::AlterTable, ENGINE, false);
        for (name, kind) in missing {
            change = change.add_column(delta_field(name, kind));
        }
        let transaction = change
            .build(&self.engine, Box::new(FileSystemCommitter::new()))
            .map_err(Error::delta("adding columns", &self.place))?;
        self.finish("adding columns", transaction)
    }

    /// Adds files and says how far each shard is, unless it is that far already.
    pub(super) fn commit(&mut self, files: &[DataFile], shards: &[(ShardId, u64)]) -> Result<(), Error> {
        let mut change = Arc::clone(&self.snapshot)
            .update_table(UpdateTableOperation::Write, ENGINE, true)
            .with_blind_append();
        let mut behind = false;
        for (shard, offset) in shards {
            if self.committed(*shard)?.is_none_or(|committed| committed < *offset) {
                behind = true;
                change =
                    change.with_transaction_id(app_id(*shard), i64::try_from(*offset).unwrap_or(i64::MAX));
            }
        }
        if !behind {
            return Ok(());
        }
        let mut transaction = change
            .build(&self.engine, Box::new(FileSystemCommitter::new()))
            .map_err(Error::delta("preparing a commit", &self.place))?;
        if !files.is_empty() {
            transaction.add_files(add_metadata(files).map_err(|source| self.rows(source))?);
        }
        self.finish("committing", transaction)
    }

    /// Replaces files by others with the same rows.
    pub(super) fn replace(&mut self, old: &HashSet<String>, new: &[DataFile]) -> Result<(), Error> {
        let mut transaction = Arc::clone(&self.snapshot)
            .update_table(UpdateTableOperation::Optimize, ENGINE, false)
            .build(&self.engine, Box::new(FileSystemCommitter::new()))
            .map_err(Error::delta("preparing a compaction", &self.place))?;
        let mut found = 0;
        for part in self.scan()? {
            let (rows, mut selected) = self.scanned(part)?;
            selected.resize(rows.num_rows(), true);
            let paths = text_column(&rows, "path")?;
            for (row, keep) in selected.iter_mut().enumerate() {
                *keep = *keep && paths.is_valid(row) && old.contains(paths.value(row));
                found += usize::from(*keep);
            }
            if selected.contains(&true) {
                let data: Box<dyn EngineData> = Box::new(ArrowEngineData::new(rows));
                let removed = FilteredEngineData::try_new(data, selected)
                    .map_err(Error::delta("preparing a compaction", &self.place))?;
                transaction.remove_files(removed);
            }
        }
        if found != old.len() {
            return Err(Error::Conflict { table: self.place.clone() });
        }
        transaction.add_files(add_metadata(new).map_err(|source| self.rows(source))?);
        self.finish("compacting", transaction)
    }

    /// Writes a checkpoint when so many commits were made since the last.
    pub(super) fn checkpoint_if_due(&mut self, commits: u64) -> Result<(), Error> {
        if self.snapshot.version() < self.checkpointed + commits {
            return Ok(());
        }
        let (_, snapshot) = self
            .snapshot
            .checkpoint(&self.engine, None)
            .map_err(Error::delta("writing a checkpoint", &self.place))?;
        self.snapshot = snapshot;
        self.checkpointed = self.snapshot.version();
        Ok(())
    }

    fn finish(&mut self, operation: &'static str, transaction: Transaction) -> Result<(), Error> {
        let result = transaction.commit(&self.engine).map_err(Error::delta(operation, &self.place));
        // Also after an error: a commit may have been made and its answer lost.
        self.snapshot = Snapshot::builder_from(Arc::clone(&self.snapshot))
            .build(&self.engine)
            .map_err(Error::delta("reading", &self.place))?;
        match result? {
            CommitResult::Committed(_) => Ok(()),
            CommitResult::Conflicted(_) => Err(Error::Conflict { table: self.place.clone() }),
            CommitResult::Retryable(retryable) => Err(Error::delta(operation, &self.place)(retryable.error)),
        }
    }

    fn scan(&self) -> Result<Vec<ScanMetadata>, Error> {
        let failed = || Error::delta("listing files", &self.place);
        let scan = Arc::clone(&self.snapshot)
            .scan_builder()
            .with_stats(StatsOptions::json_only())
            .build()
            .map_err(failed())?;
        scan.scan_metadata(&self.engine).map_err(failed())?.collect::<Result<_, _>>().map_err(failed())
    }

    /// The rows of a part of a scan, and which of them are files of the table.
    fn scanned(&self, part: ScanMetadata) -> Result<(RecordBatch, Vec<bool>), Error> {
        let (data, selected) = part.scan_files.into_parts();
        let data = ArrowEngineData::try_from_engine_data(data)
            .map_err(Error::delta("listing files", &self.place))?;
        Ok((data.into(), selected))
    }

    fn rows(&self, source: arrow::error::ArrowError) -> Error {
        Error::Rows { place: self.place.clone(), source }
    }
}

/// A shard's name in `txn`.
fn app_id(shard: ShardId) -> String {
    format!("marque-shard-{}", shard.0)
}

/// Creates the table unless it is there.
fn create(
    engine: &DefaultEngine<TokioMultiThreadExecutor>,
    url: &str,
    buckets: u32,
) -> Result<(), delta_kernel::KernelError> {
    let schema = Arc::new(StructType::try_new(delta_fixed())?);
    let properties = [
        ("delta.dataSkippingStatsColumns".to_owned(), STATS_COLUMNS.to_owned()),
        (BUCKETS_PROPERTY.to_owned(), buckets.to_string()),
    ];
    let transaction = create_table(url, schema, ENGINE, false)
        .with_data_layout(DataLayout::partitioned([BRAND, DATE, BUCKET]))
        .with_table_properties(properties)
        .build(engine, Box::new(FileSystemCommitter::new()));
    match transaction {
        Ok(transaction) => transaction.commit(engine).map(drop),
        Err(delta_kernel::KernelError::TableAlreadyExistsAtPath(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What the kernel wants to know of new files.
fn add_metadata(files: &[DataFile]) -> Result<Box<dyn EngineData>, arrow::error::ArrowError> {
    let names =
        MapFieldNames { entry: "key_value".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    let mut partitions = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for file in files {
        let values = [
            (BRAND, file.place.brand.slug().to_owned()),
            (DATE, date(file.place.day)),
            (BUCKET, file.place.bucket.to_string()),
        ];
        for (name, value) in values {
            partitions.keys().append_value(name);
            partitions.values().append_value(value);
        }
        partitions.append(true)?;
    }
    let integers = |value: &dyn Fn(&DataFile) -> u64| -> ArrayRef {
        let numbers = files.iter().map(|file| i64::try_from(value(file)).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(numbers))
    };
    let times = |value: &dyn Fn(&DataFile) -> (Timestamp, Timestamp)| -> ArrayRef {
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(files.iter().map(|file| value(file).0.0))
                .with_timezone("UTC"),
        )
    };
    let last = |value: &dyn Fn(&DataFile) -> (Timestamp, Timestamp)| -> ArrayRef {
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(files.iter().map(|file| value(file).1.0))
                .with_timezone("UTC"),
        )
    };
    let per_column = |source: ArrayRef, received: ArrayRef| -> ArrayRef {
        let field =
            |name: &str, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
        let fields = [(field(SOURCE_TIME, &source), source), (field(RECEIVE_TIME, &received), received)];
        Arc::new(StructArray::from(Vec::from(fields)))
    };
    let zeros = || integers(&|_| 0);
    let stats: Vec<(&str, ArrayRef)> = vec![
        ("numRecords", integers(&|file| file.rows)),
        ("nullCount", per_column(zeros(), zeros())),
        ("minValues", per_column(times(&|file| file.source_times), times(&|file| file.receive_times))),
        ("maxValues", per_column(last(&|file| file.source_times), last(&|file| file.receive_times))),
    ];
    let stats: Vec<(Arc<Field>, ArrayRef)> = stats
        .into_iter()
        .map(|(name, array)| (Arc::new(Field::new(name, array.data_type().clone(), true)), array))
        .collect();
    let partitions: ArrayRef = Arc::new(partitions.finish());
    let stats: ArrayRef = Arc::new(StructArray::from(stats));
    let schema = Schema::new(vec![
        Field::new("path", DataType::Utf8, false),
        Field::new("partitionValues", partitions.data_type().clone(), false),
        Field::new("size", DataType::Int64, false),
        Field::new("modificationTime", DataType::Int64, false),
        Field::new("stats", stats.data_type().clone(), true),
    ]);
    let paths: ArrayRef = Arc::new(StringArray::from_iter_values(files.iter().map(|file| &file.path)));
    let modified = Int64Array::from_iter_values(files.iter().map(|file| file.modified.as_millis()));
    let columns = vec![paths, partitions, integers(&|file| file.bytes), Arc::new(modified), stats];
    Ok(Box::new(ArrowEngineData::new(RecordBatch::try_new(Arc::new(schema), columns)?)))
}

fn read_files(rows: &RecordBatch, selected: &[bool], files: &mut Vec<DataFile>) -> Result<(), Error> {
    let paths = text_column(rows, "path")?;
    let stats = text_column(rows, "stats")?;
    let sizes = int_column(rows, "size")?;
    let modified = int_column(rows, "modificationTime")?;
    for row in 0..rows.num_rows() {
        if !selected.get(row).copied().unwrap_or(true) || paths.is_null(row) {
            continue;
        }
        let bytes = u64::try_from(sizes.value(row)).unwrap_or(0);
        let modified = Timestamp::from_millis(modified.value(row));
        files.push(DataFile::parse(&decoded(paths.value(row)), bytes, modified, stats.value(row))?);
    }
    Ok(())
}

/// Delta's log percent-encodes paths; ours have nothing to encode but must say so.
fn decoded(path: &str) -> String {
    path.replace("%3D", "=").replace("%3d", "=")
}

fn text_column<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a StringArray, Error> {
    let column = rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    column.ok_or_else(|| unreadable(name))
}

fn int_column<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a Int64Array, Error> {
    let column = rows.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.ok_or_else(|| unreadable(name))
}

fn unreadable(name: &str) -> Error {
    Error::DataFile { path: name.to_owned(), problem: "the kernel lists files without this field" }
}
