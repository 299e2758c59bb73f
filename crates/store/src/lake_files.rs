//! Finished Parquet files between the shard owners that write them and the committer that puts them in Delta.

use model::{Brand, ShardId, Timestamp};

use crate::{
    Error, Store, Transaction,
    sql::{Arg, Row, args, row},
};

/// Where a file is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LakeFileState {
    /// Written and durable, not yet in Delta's log.
    Pending,
    /// In Delta's log.
    Committed,
}

impl LakeFileState {
    pub const ALL: [Self; 2] = [Self::Pending, Self::Committed];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Committed => "committed",
        }
    }
}

impl std::str::FromStr for LakeFileState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|state| state.slug() == text);
        found.ok_or_else(|| Error::Corrupt { column: "state".to_owned() })
    }
}

/// A file's statistics as Delta's `stats` text has them.
pub type LakeFileStats = String;

/// A finished Parquet file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeFile {
    pub table: String,
    /// Relative to the table's root; unique over all tables.
    pub path: String,
    pub shard: ShardId,
    /// The log offsets that it was made from: from the first to before the last.
    pub from_offset: u64,
    pub to_offset: u64,
    pub brand: Brand,
    /// `YYYY-MM-DD`.
    pub date: String,
    pub bucket: u32,
    pub bytes: u64,
    pub rows: u64,
    pub stats: LakeFileStats,
    pub state: LakeFileState,
}

fn file(row: &Row) -> Result<LakeFile, Error> {
    Ok(LakeFile {
        table: row.text(0)?,
        path: row.text(1)?,
        shard: ShardId(row.number(2)?),
        from_offset: row.count(3)?,
        to_offset: row.count(4)?,
        brand: row.word(5)?,
        date: row.text(6)?,
        bucket: row.number(7)?,
        bytes: row.count(8)?,
        rows: row.count(9)?,
        stats: row.text(10)?,
        state: row.word(11)?,
    })
}

impl Store {
    /// The files of a table in a state, in the order of shards and offsets.
    pub async fn lake_files(&self, table: &str, state: LakeFileState) -> Result<Vec<LakeFile>, Error> {
        let rows = self
            .pool
            .fetch(
                "SELECT table_name, path, shard, from_offset, to_offset, brand, date, bucket, bytes, row_count, \
                 stats, state FROM lake_files WHERE table_name = $1 AND state = $2 \
                 ORDER BY shard, to_offset, path",
                args![table, state.slug()],
            )
            .await?;
        rows.iter().map(file).collect()
    }
}

impl Transaction {
    /// Records finished files. A path that is recorded already stays as it is.
    pub async fn add_lake_files(&mut self, files: &[LakeFile], now: Timestamp) -> Result<u64, Error> {
        let rows: Vec<Vec<Arg<'_>>> = files
            .iter()
            .map(|file| {
                row![
                    &file.path,
                    &file.table,
                    file.shard.0,
                    file.from_offset,
                    file.to_offset,
                    file.brand,
                    &file.date,
                    file.bucket,
                    file.bytes,
                    file.rows,
                    &file.stats,
                    file.state.slug(),
                    now,
                    now,
                ]
            })
            .collect();
        self.insert(
            "INSERT INTO lake_files (path, table_name, shard, from_offset, to_offset, brand, date, bucket, bytes, \
             row_count, stats, state, created_at, changed_at)",
            &rows,
            "ON CONFLICT (path) DO NOTHING",
        )
        .await
    }

    /// Moves files to a state; how many there were.
    pub async fn move_lake_files(
        &mut self,
        paths: &[String],
        state: LakeFileState,
        now: Timestamp,
    ) -> Result<u64, Error> {
        self.execute_in(
            "UPDATE lake_files SET state = $1, changed_at = $2 WHERE path",
            args![state.slug(), now],
            &keys(paths),
        )
        .await
    }

    /// Forgets files; how many there were.
    pub async fn forget_lake_files(&mut self, paths: &[String]) -> Result<u64, Error> {
        self.execute_in("DELETE FROM lake_files WHERE path", &[], &keys(paths)).await
    }

    /// Forgets all files of a table in a state; how many there were.
    pub async fn forget_lake_files_in(&mut self, table: &str, state: LakeFileState) -> Result<u64, Error> {
        self.execute(
            "DELETE FROM lake_files WHERE table_name = $1 AND state = $2",
            args![table, state.slug()],
        )
        .await
    }
}

fn keys(paths: &[String]) -> Vec<Arg<'_>> {
    paths.iter().map(Arg::from).collect()
}
