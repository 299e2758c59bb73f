//! The shard owner: reads the durable log, and makes twins and history of it.
//!
//! What must survive a crash, in the order of a flush: data files are written; they are recorded in
//! SQL; a snapshot of twins and marks at the same offset is written; the committer puts the files
//! into Delta with the shard's `txn`; the log is trimmed. A restart begins at the newest whole
//! snapshot: files that were recorded before it are kept, files beyond it are forgotten and made
//! again from the log, and `txn` says what is committed already.

mod apply;
mod collects;
mod commit;
mod flush;
mod ledger;
mod quarantine;
mod recover;
mod run;
mod snapshot;
pub mod twin;
mod twins;
pub mod watermarks;

use std::sync::Arc;

use lake::{
    Lake,
    log::{DurableLog, LogError, Offset},
};
use model::{CatalogueHash, Micros, ShardId, SubjectId};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::{catalogues::Catalogues, clock::Clock};

pub use collects::{Collects, SignalSet, StoredCampaigns, WholeCatalogue};
pub use lake::{HistoryColumn, HistoryPage, HistoryQuery, HistoryRow, ReadCount, Reduce, Reduction};
pub use ledger::{Ledger, LedgerError, Recorded};
pub use twin::{Latest, Twin};
pub use twins::{Changes, Counts, LaneState, Twins};
pub use watermarks::Mark;

/// Why an owner could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Lake(#[from] lake::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(
        "the log begins at {start}, but what is stored ends at {stored}: batches between them are gone; restore the log or the data folder from a copy"
    )]
    Gap { start: Offset, stored: Offset },
    #[error(
        "the log ends at {end}, but {stored} groups of it are stored: it is not the log of this data folder; restore it, or move data folder and log away together"
    )]
    OtherLog { end: Offset, stored: Offset },
    #[error(
        "a batch at offset {offset} of the log was made with the catalogue {hash}, which is not loaded: the log is not of this database, or a release that reads the catalogue is needed; restore the database, or run the release that wrote the log"
    )]
    Catalogue { offset: Offset, hash: CatalogueHash },
    #[error("the owner has stopped; its last message in the program's log says why")]
    Stopped,
}

/// When rows go from the buffer to files, and how they are kept.
#[derive(Debug, Clone)]
pub struct OwnerOptions {
    pub shard: ShardId,
    /// The buffer is flushed when it takes so much memory.
    pub flush_bytes: usize,
    /// ... or when its oldest row is about so old. The buffer serves what is recent, so this may be
    /// long; what it costs is how much of the log is read again at a start.
    pub flush_age: Micros,
    /// The log is read no further while the buffer takes so much.
    pub buffer_bytes_max: usize,
    /// A table's folder is listed, and what nobody needs is deleted, after so many commits.
    pub vacuum_commits: u32,
    /// Files that are no longer in a table stay so long for those who read them.
    pub vacuum_age: Micros,
}

impl Default for OwnerOptions {
    fn default() -> Self {
        Self {
            shard: ShardId(0),
            flush_bytes: 96 << 20,
            flush_age: Micros(5 * Micros::MINUTE.0),
            buffer_bytes_max: 256 << 20,
            vacuum_commits: 16,
            vacuum_age: Micros(15 * Micros::MINUTE.0),
        }
    }
}

/// What an owner works with.
#[derive(Debug, Clone)]
pub struct OwnerParts {
    pub log: Arc<dyn DurableLog>,
    pub lake: Arc<Lake>,
    pub ledger: Arc<dyn Ledger>,
    pub catalogues: Catalogues,
    pub collects: Arc<dyn Collects>,
    pub clock: Clock,
    /// What cars are told of; a notice that does not fit is left out.
    pub notices: mpsc::Sender<(SubjectId, wire::Notice)>,
}

/// Where an owner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerStatus {
    /// The log's next offset.
    pub end: Offset,
    /// Everything before it is in the twins and can be read.
    pub applied: Offset,
    /// Everything before it is in files.
    pub flushed: Offset,
    /// Everything before it is in Delta.
    pub committed: Offset,
    pub buffered_samples: u64,
    pub buffered_bytes: usize,
}

/// A running owner of one shard. Dropping it stops it as a crash would; the log has everything.
#[derive(Debug)]
pub struct Owner {
    parts: OwnerParts,
    shard: ShardId,
    twins: Twins,
    commands: mpsc::Sender<Command>,
    applied: watch::Receiver<Offset>,
    durable: watch::Receiver<Durable>,
    committed: watch::Receiver<Offset>,
    tasks: [JoinHandle<()>; 2],
}

/// How far files and snapshot are durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Durable {
    offset: Offset,
    /// The log is not needed before it.
    trim: Offset,
}

enum Command {
    /// Flush what was applied; the answer is how far that was.
    Flush(oneshot::Sender<Offset>),
}

impl Owner {
    /// Finds out what is stored and begins to follow the log from there.
    pub async fn start(parts: OwnerParts, options: OwnerOptions) -> Result<Self, OwnerError> {
        let recovered = recover::recover(&parts, options.shard).await?;
        let shard = options.shard;
        let twins = Twins::default();
        let begin = recovered.offset;
        let (commands, receiver) = mpsc::channel(16);
        let (applied_sender, applied) = watch::channel(begin);
        let (durable_sender, durable) = watch::channel(Durable { offset: begin, trim: Offset(0) });
        let (committed_sender, committed) = watch::channel(Offset(0));
        let run = run::Run::new(
            parts.clone(),
            options.clone(),
            twins.clone(),
            recovered,
            run::Channels { commands: receiver, applied: applied_sender, durable: durable_sender },
        )?;
        let committer = commit::Committer::new(parts.clone(), options, durable.clone(), committed_sender);
        let tasks = [tokio::spawn(run.run()), tokio::spawn(committer.run())];
        Ok(Self { parts, shard, twins, commands, applied, durable, committed, tasks })
    }

    pub fn twins(&self) -> Twins {
        self.twins.clone()
    }

    pub fn history(&self) -> History {
        History::new(Arc::clone(&self.parts.lake))
    }

    /// Whether it still follows the log; readiness asks for it.
    pub fn is_running(&self) -> bool {
        self.tasks.iter().all(|task| !task.is_finished())
    }

    pub fn status(&self) -> OwnerStatus {
        let lake = &self.parts.lake;
        OwnerStatus {
            end: self.parts.log.end(self.shard),
            applied: *self.applied.borrow(),
            flushed: self.durable.borrow().offset,
            committed: *self.committed.borrow(),
            buffered_samples: lake.tables().map(|table| table.buffered_samples()).sum(),
            buffered_bytes: lake.buffered_bytes(),
        }
    }

    /// Ends when all that is in the log now is applied; a start is done then.
    pub async fn caught_up(&self) -> Result<(), OwnerError> {
        let end = self.parts.log.end(self.shard);
        reach(self.applied.clone(), |applied| *applied >= end).await
    }

    /// Puts all that is in the log now into Delta.
    pub async fn flush(&self) -> Result<(), OwnerError> {
        self.caught_up().await?;
        let (answer, flushed) = oneshot::channel();
        self.commands.send(Command::Flush(answer)).await.map_err(|_| OwnerError::Stopped)?;
        let offset = flushed.await.map_err(|_| OwnerError::Stopped)?;
        reach(self.committed.clone(), |committed| *committed >= offset).await
    }

    /// Stops following the log, and waits until the committer is done with what it is at, but not for ever.
    pub async fn finish(mut self, deadline: Instant) {
        let [run, committer] = &mut self.tasks;
        run.abort();
        run.await.ok();
        // It hears that nobody flushes any more.
        if tokio::time::timeout_at(deadline, &mut *committer).await.is_err() {
            tracing::warn!("the committer is not done; what it left is done at the next start");
        }
        self.stop().await;
    }

    /// Stops as a crash would, but waits until nothing of it holds the log any more, so that it can be
    /// opened again.
    pub async fn stop(mut self) {
        for task in self.tasks.iter_mut().filter(|task| !task.is_finished()) {
            task.abort();
            // Aborted, or ended before.
            task.await.ok();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn reach<T: Send + Sync>(
    mut receiver: watch::Receiver<T>,
    done: impl FnMut(&T) -> bool + Send,
) -> Result<(), OwnerError> {
    receiver.wait_for(done).await.map(drop).map_err(|_| OwnerError::Stopped)
}

/// Answers history queries over files and buffer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct History(Arc<Lake>);

impl History {
    pub fn new(lake: Arc<Lake>) -> Self {
        Self(lake)
    }

    /// Reads a page; see [`Lake::history`].
    pub async fn query(&self, query: &HistoryQuery) -> Result<HistoryPage, lake::Error> {
        self.0.history(query).await
    }
}

#[cfg(test)]
mod tests;
