//! Batches that could not be read whole, kept as they came for people to look at.
//!
//! They are personal data beside the tables, and a broken car may send many: few are kept, and not
//! for long.

use std::collections::BTreeSet;

use bytes::Bytes;
use lake::{States, log::Offset};
use model::{Micros, ShardId, Timestamp};

/// Files of a shard: enough to see what is wrong, at most 256 MiB. The oldest go first.
const BATCHES_MAX: usize = 1_000;

/// Files written between two flushes: each costs the owner a write to disk.
const BATCHES_A_FLUSH_MAX: u32 = 100;

/// How long one is kept: as long as Delta's log keeps what was deleted from a table.
const AGE_MAX: Micros = Micros(30 * Micros::DAY.0);

#[derive(Debug)]
pub(super) struct Quarantine {
    states: States,
    shard: ShardId,
    /// Names of files, which sort as their offsets do.
    kept: BTreeSet<String>,
    left: u32,
}

impl Quarantine {
    /// Knows what an earlier life kept.
    pub(super) async fn open(states: States, shard: ShardId) -> Result<Self, lake::Error> {
        let prefix = prefix(shard);
        let kept = states.list().await?.into_iter().filter(|name| name.starts_with(&prefix)).collect();
        Ok(Self { states, shard, kept, left: BATCHES_A_FLUSH_MAX })
    }

    /// A flush begins.
    pub(super) fn refill(&mut self) {
        self.left = BATCHES_A_FLUSH_MAX;
    }

    /// Keeps the batch of a record if there is room for it; one that is there already stays.
    pub(super) async fn keep(&mut self, offset: Offset, index: usize, payload: Bytes) {
        let name = format!("{}{:020}-{index:06}", prefix(self.shard), offset.0);
        if self.left == 0 || self.kept.contains(&name) {
            return;
        }
        self.left -= 1;
        if let Err(error) = self.states.put(&name, payload).await {
            tracing::warn!(%error, "a quarantined batch could not be kept");
            return;
        }
        self.kept.insert(name);
        while self.kept.len() > BATCHES_MAX {
            let Some(oldest) = self.kept.pop_first() else { return };
            if let Err(error) = self.states.delete(&oldest).await {
                tracing::warn!(%error, "an old quarantined batch could not be deleted");
            }
        }
    }
}

/// Deletes what was kept long enough.
pub(super) async fn expire(states: &States, shard: ShardId, now: Timestamp) -> Result<(), lake::Error> {
    for name in states.older(&prefix(shard), now - AGE_MAX).await? {
        states.delete(&name).await?;
    }
    Ok(())
}

fn prefix(shard: ShardId) -> String {
    format!("quarantine-{:03}-", shard.0)
}

#[cfg(test)]
mod tests;
