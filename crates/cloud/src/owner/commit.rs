//! The committer: the one task that writes the tables' Delta logs.

use std::{collections::HashSet, sync::Arc};

use lake::{Table, TableName, log::Offset};
use model::{Micros, Timestamp};
use tokio::sync::watch;

use super::{Durable, OwnerError, OwnerOptions, OwnerParts, flush::retry, quarantine};

/// A day's partition is done with when cars that were out of reach for some hours have caught up.
const SETTLED_AFTER: Micros = Micros(6 * Micros::HOUR.0);

/// Compactions between two commits: new rows should not wait long for theirs.
const COMPACTIONS_MAX: usize = 4;

pub(super) struct Committer {
    parts: OwnerParts,
    options: OwnerOptions,
    durable: watch::Receiver<Durable>,
    committed: watch::Sender<Offset>,
    commits: u32,
}

impl Committer {
    pub(super) fn new(
        parts: OwnerParts,
        options: OwnerOptions,
        durable: watch::Receiver<Durable>,
        committed: watch::Sender<Offset>,
    ) -> Self {
        Self { parts, options, durable, committed, commits: 0 }
    }

    /// Runs until the owner is dropped. What was recorded before a restart is committed at once.
    pub(super) async fn run(mut self) {
        loop {
            let durable = *self.durable.borrow_and_update();
            for table in TableName::ALL {
                retry("committing to Delta", || self.commit(table, durable.offset)).await;
            }
            self.committed.send_replace(durable.offset);
            self.trim(durable.trim);
            self.keep_house().await;
            if self.durable.changed().await.is_err() {
                return;
            }
        }
    }

    /// Deletes what the log is not needed for any more. Large files take their time; done here and
    /// now, so that a stop waits for it and nothing holds the log afterwards.
    fn trim(&self, before: Offset) {
        let trimmed = tokio::task::block_in_place(|| self.parts.log.trim(self.options.shard, before));
        if let Err(error) = trimmed {
            tracing::warn!(%error, "the log could not be trimmed; it is tried again after the next commit");
        }
    }

    /// Commits what is recorded before an offset. Files beyond it may be made again after a crash.
    async fn commit(&self, name: TableName, durable: Offset) -> Result<(), OwnerError> {
        let mut ready = self.parts.ledger.pending(name).await?;
        ready.retain(|recorded| recorded.shard == self.options.shard && recorded.to <= durable.0);
        let Some(to) = ready.iter().map(|recorded| recorded.to).max() else { return Ok(()) };
        let table = Arc::clone(self.parts.lake.table(name));
        let files: Vec<_> = ready.iter().map(|recorded| recorded.file.clone()).collect();
        let shard = self.options.shard;
        let span = tracing::debug_span!("owner commit", table = name.slug(), to, files = files.len());
        // On a conflict this is tried again, and reads the shard's `txn` again before it adds.
        let work = move || span.in_scope(|| table.commit(&files, &[(shard, to)]));
        let committed = tokio::task::spawn_blocking(work).await;
        committed.map_err(|_| OwnerError::Stopped)??;
        Ok(self.parts.ledger.committed(&ready, self.parts.clock.now()).await?)
    }

    /// Compacts and deletes. What fails is tried again next time.
    async fn keep_house(&mut self) {
        let now = self.parts.clock.now();
        self.commits += 1;
        let states = self.parts.lake.states();
        if let Err(error) = quarantine::expire(states, self.options.shard, now).await {
            tracing::warn!(%error, "old quarantined batches could not be deleted");
        }
        for name in TableName::ALL {
            let table = self.parts.lake.table(name);
            if let Err(error) = self.compact(table, now).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(table = name.slug(), error, "compaction failed");
            }
            if !self.commits.is_multiple_of(self.options.vacuum_commits) {
                continue;
            }
            if let Err(error) = self.vacuum(name, table, now).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(table = name.slug(), error, "deleting old files failed");
            }
        }
    }

    async fn vacuum(&self, name: TableName, table: &Arc<Table>, now: Timestamp) -> Result<(), OwnerError> {
        let pending = self.parts.ledger.pending(name).await?;
        let keep: HashSet<String> = pending.into_iter().map(|recorded| recorded.file.path).collect();
        table.vacuum(&keep, now, self.options.vacuum_age).await?;
        Ok(self.parts.ledger.forget_committed(name).await?)
    }

    /// Ends early when the owner stops.
    async fn compact(&self, table: &Arc<Table>, now: Timestamp) -> Result<(), OwnerError> {
        let found = Arc::clone(table);
        let compactions = tokio::task::spawn_blocking(move || found.compactions(now - SETTLED_AFTER)).await;
        for compaction in compactions.map_err(|_| OwnerError::Stopped)??.into_iter().take(COMPACTIONS_MAX) {
            if self.durable.has_changed().is_err() {
                return Ok(());
            }
            table.compact(&compaction, now).await?;
        }
        Ok(())
    }
}
