//! The durable log: what a PUBACK means.
//!
//! A [`Group`] packs the batches that one gateway worker read in one tick, of many cars of one
//! shard. [`DurableLog::submit`] hands it over with one cheap call and one completion; the
//! completion runs when the group is on disk (or on a quorum) and not before. Offsets number the
//! groups of a shard without holes, from 0.

mod disk;
mod embedded;
mod group;
mod reader;
mod segment;
#[cfg(test)]
mod suite;
mod writer;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use model::{ShardCount, ShardId};

pub use embedded::EmbeddedLog;
pub use group::{Entry, GROUP_BYTES_MAX, Group, GroupBuilder, GroupEntries};

/// A future that a trait object can give.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The number of a group within its shard, from 0, without holes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

impl Offset {
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A group in the log.
#[derive(Debug, Clone)]
pub struct Record {
    pub offset: Offset,
    pub group: Group,
}

/// Told once per group, on the log's own thread: keep it short, and never block in it.
pub type Completion = Box<dyn FnOnce(Result<Offset, LogError>) + Send>;

/// A log of groups that survives a crash. One conformance suite runs on every backend.
pub trait DurableLog: fmt::Debug + Send + Sync {
    fn shards(&self) -> ShardCount;

    /// Takes a group of at least one entry; never blocks. `done` runs exactly once if this is `Ok`,
    /// and never otherwise.
    ///
    /// Groups of a shard are stored in the order in which they were taken. Once one of them is
    /// answered with an error, no later one is stored until the log is opened anew: what comes after
    /// a batch that is lost must not be taken for a sign that it was there.
    fn submit(&self, group: Group, done: Completion) -> Result<(), Box<Refused>>;

    /// Whether the log takes groups at all, and why not. A submit may still be refused for its size or for what is
    /// in flight.
    fn state(&self) -> Result<(), LogError>;

    /// Ends when a refusal for [`LogError::Full`] or [`LogError::NoSpace`] may no longer hold, also
    /// because the log has stopped for good.
    fn room(&self) -> BoxFuture<'static, ()>;

    /// The offset that the next group of the shard will get; all before it are durable.
    fn end(&self, shard: ShardId) -> Offset;

    /// Reads from an offset on and follows the tail. An offset that was trimmed is an error.
    fn read(&self, shard: ShardId, from: Offset) -> Result<Box<dyn LogReader>, LogError>;

    /// Frees what lies before an offset; a backend may keep more, never less.
    fn trim(&self, shard: ShardId, before: Offset) -> Result<(), LogError>;

    /// The first offset that can still be read.
    fn start(&self, shard: ShardId) -> Offset;
}

/// Follows one shard.
pub trait LogReader: fmt::Debug + Send {
    /// The next records, at least one, in order; waits at the tail. Only durable records are given.
    /// Dropping the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Arc<Record>>, LogError>>;
}

/// A group that was not taken, given back with its completion so that nothing is copied to retry.
pub struct Refused {
    pub reason: LogError,
    pub group: Group,
    pub done: Completion,
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Why the log did not do what it was asked. Cloneable: one failure answers many groups.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    #[error("the log has {bytes_max} bytes in flight already; stop reading until it has room")]
    Full { bytes_max: usize },
    #[error("the log's disk is full; free space in {path} and cars will go on by themselves")]
    NoSpace { path: String },
    #[error(
        "the disk did not confirm a write to {path} ({problem}); what it holds is not known, so the log takes nothing more: check the disk, then restart"
    )]
    SyncFailed { path: String, problem: String },
    #[error("{operation} {path} failed: {problem}")]
    Io { operation: &'static str, path: String, problem: String },
    #[error(
        "{path} is damaged at byte {position} although later groups were acknowledged; restore the file from a copy, or move the log away to go on without it"
    )]
    Damaged { path: String, position: u64 },
    #[error("offset {offset} is no longer in the log, which begins at {start}")]
    Trimmed { offset: Offset, start: Offset },
    #[error("the log has {shards} shards; there is no shard {shard}")]
    NoSuchShard { shard: u8, shards: u16 },
    #[error("the log at {path} is in use by another process; stop it first")]
    InUse { path: String },
    #[error("a group of {bytes} bytes does not fit a segment; it may have {bytes_max}")]
    TooLarge { bytes: usize, bytes_max: u64 },
    #[error("the log is closed")]
    Closed,
}

/// How the embedded log uses its disk.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Each segment file is allocated in full, so that a sync writes data only.
    pub segment_bytes: u64,
    /// What may wait for the disk; more is refused with [`LogError::Full`].
    pub in_flight_bytes_max: usize,
    /// What all segments may take together; more is refused with [`LogError::NoSpace`].
    pub disk_bytes_max: u64,
    /// Recent records kept in memory for readers that follow the tail.
    pub tail_bytes_max: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            in_flight_bytes_max: 32 << 20,
            disk_bytes_max: 64 << 30,
            tail_bytes_max: 32 << 20,
        }
    }
}

#[cfg(test)]
mod tests;
