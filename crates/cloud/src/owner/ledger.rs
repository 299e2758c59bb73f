//! Finished data files between the owners that write them and the committer that puts them into
//! Delta, as SQL keeps them.

use std::fmt;

use lake::{DataFile, TableName, log::BoxFuture};
use model::{ShardId, Timestamp};
use store::{LakeFile, LakeFileState, Store};

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Lake(#[from] lake::Error),
    #[error("the ledger names the table `{0}`, which this version does not have")]
    Table(String),
}

/// A data file with what it was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub table: TableName,
    pub shard: ShardId,
    /// Offsets of the log, from the first to before the last.
    pub from: u64,
    pub to: u64,
    pub file: DataFile,
}

/// What owners and committer need of SQL.
pub trait Ledger: fmt::Debug + Send + Sync {
    /// Records files, all or none. Those that are recorded stay as they are.
    fn record<'a>(&'a self, files: &'a [Recorded], now: Timestamp) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// The files of a table that are recorded and neither committed nor dropped.
    fn pending(&self, table: TableName) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>>;

    /// Files are in Delta now.
    fn committed<'a>(
        &'a self,
        files: &'a [Recorded],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), LedgerError>>;

    /// Forgets the committed files of a table: Delta's log has them.
    fn forget_committed(&self, table: TableName) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Forgets files whose rows will be written again, to files of the same names.
    fn drop_files<'a>(&'a self, files: &'a [Recorded]) -> BoxFuture<'a, Result<(), LedgerError>>;
}

impl Ledger for Store {
    fn record<'a>(&'a self, files: &'a [Recorded], now: Timestamp) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            if files.is_empty() {
                return Ok(());
            }
            let files: Vec<_> = files.iter().map(to_row).collect();
            let mut transaction = self.begin().await?;
            transaction.add_lake_files(&files, now).await?;
            Ok(transaction.commit().await?)
        })
    }

    fn pending(&self, table: TableName) -> BoxFuture<'_, Result<Vec<Recorded>, LedgerError>> {
        Box::pin(async move {
            let rows = self.lake_files(table.slug(), LakeFileState::Pending).await?;
            rows.iter().map(from_row).collect()
        })
    }

    fn committed<'a>(
        &'a self,
        files: &'a [Recorded],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            transaction.move_lake_files(&paths(files), LakeFileState::Committed, now).await?;
            Ok(transaction.commit().await?)
        })
    }

    fn forget_committed(&self, table: TableName) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            transaction.forget_lake_files_in(table.slug(), LakeFileState::Committed).await?;
            Ok(transaction.commit().await?)
        })
    }

    fn drop_files<'a>(&'a self, files: &'a [Recorded]) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            transaction.forget_lake_files(&paths(files)).await?;
            Ok(transaction.commit().await?)
        })
    }
}

/// SQL knows a file by one path over all tables.
fn path(table: TableName, file: &DataFile) -> String {
    format!("{}/{}", table.slug(), file.path)
}

fn paths(files: &[Recorded]) -> Vec<String> {
    files.iter().map(|recorded| path(recorded.table, &recorded.file)).collect()
}

fn to_row(recorded: &Recorded) -> LakeFile {
    let file = &recorded.file;
    LakeFile {
        table: recorded.table.slug().to_owned(),
        path: path(recorded.table, file),
        shard: recorded.shard,
        from_offset: recorded.from,
        to_offset: recorded.to,
        brand: file.place.brand,
        date: file.date(),
        bucket: file.place.bucket,
        bytes: file.bytes,
        rows: file.rows,
        stats: file.stats(),
        state: LakeFileState::Pending,
    }
}

fn from_row(row: &LakeFile) -> Result<Recorded, LedgerError> {
    let table = TableName::ALL.into_iter().find(|table| table.slug() == row.table);
    let table = table.ok_or_else(|| LedgerError::Table(row.table.clone()))?;
    let path =
        row.path.strip_prefix(table.slug()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&row.path);
    // When it was written matters to nobody once it is recorded; its last receipt is near.
    let mut file = DataFile::parse(path, row.bytes, Timestamp(0), &row.stats)?;
    file.modified = file.receive_times.1;
    Ok(Recorded { table, shard: row.shard, from: row.from_offset, to: row.to_offset, file })
}
