//! A flush: rows that were cut from the buffer become files that are recorded, then a snapshot.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use lake::{Cut, Lake, TableName, log::Offset};
use model::ShardId;

use super::{
    Durable, OwnerError,
    ledger::{Ledger, Recorded},
    snapshot,
};
use crate::clock::Clock;

/// How long to wait before a step that failed is tried again; a disk or a database that is gone
/// for a moment must not cost the buffer.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Of two snapshots one may be damaged.
const SNAPSHOTS_KEPT: usize = 2;

pub(super) struct Flush {
    pub(super) shard: ShardId,
    pub(super) from: Offset,
    pub(super) to: Offset,
    pub(super) cuts: [Cut; 2],
    pub(super) snapshot: Bytes,
}

/// What a flush works with: not the log, which may be closed while one still runs.
#[derive(Debug, Clone)]
pub(super) struct FlushParts {
    pub(super) lake: Arc<Lake>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) clock: Clock,
}

/// Each step can be repeated: names follow from offsets, and what is there already stays.
pub(super) async fn run(parts: FlushParts, flush: Flush) -> Durable {
    let recorded = retry("writing data files", || write(&parts, &flush)).await;
    retry("recording data files", || async { Ok(parts.ledger.record(&recorded, parts.clock.now()).await?) })
        .await;
    let durable = retry("writing a snapshot", || store_snapshot(&parts, &flush)).await;
    for (table, cut) in TableName::ALL.into_iter().zip(&flush.cuts) {
        let files = recorded.iter().filter(|recorded| recorded.table == table);
        parts.lake.table(table).replace_cut(cut, files.map(|recorded| recorded.file.clone()).collect());
    }
    durable
}

async fn write(parts: &FlushParts, flush: &Flush) -> Result<Vec<Recorded>, OwnerError> {
    let name = format!("{:03}-{:020}-{:020}", flush.shard.0, flush.from.0, flush.to.0);
    let mut recorded = Vec::new();
    for (table, cut) in TableName::ALL.into_iter().zip(&flush.cuts) {
        let files = parts.lake.table(table).write(cut, &name, parts.clock.now()).await?;
        let (from, to) = (flush.from.0, flush.to.0);
        recorded.extend(files.into_iter().map(|file| Recorded { table, shard: flush.shard, from, to, file }));
    }
    Ok(recorded)
}

/// Writes the snapshot and deletes those that are too many.
async fn store_snapshot(parts: &FlushParts, flush: &Flush) -> Result<Durable, OwnerError> {
    let states = parts.lake.states();
    states.put(&snapshot::name(flush.shard, flush.to), flush.snapshot.clone()).await?;
    let names = states.list().await?;
    let mut kept: Vec<_> = names
        .iter()
        .filter_map(|name| Some((snapshot::parse_name(flush.shard, name)?, name)))
        .filter(|(offset, _)| *offset <= flush.to)
        .collect();
    let surplus = kept.len().saturating_sub(SNAPSHOTS_KEPT);
    for (_, name) in kept.drain(..surplus) {
        states.delete(name).await?;
    }
    // With one snapshot alone the log is needed from its beginning, should that be damaged.
    let trim = if kept.len() == SNAPSHOTS_KEPT { kept[0].0 } else { Offset(0) };
    Ok(Durable { offset: flush.to, trim })
}

/// Tries until it is done; whoever waits is told by the program's log why it takes so long.
pub(super) async fn retry<T, F: Future<Output = Result<T, OwnerError>>>(
    operation: &'static str,
    mut attempt: impl FnMut() -> F,
) -> T {
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(operation, error, "a step of storing rows failed; trying again");
            }
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}
