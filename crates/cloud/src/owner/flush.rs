//! A flush: rows that were cut from the buffer become files that are recorded, then a snapshot.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use lake::{Cut, DataFile, Lake, TableName, log::Offset};
use model::ShardId;

use super::{
    Durable, OwnerError,
    ledger::{Ledger, Recorded},
    snapshot,
    twins::State,
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
    /// Files that were written before, with other rows of these offsets.
    pub(super) spilled: Vec<Written>,
    /// What is known at the end.
    pub(super) state: State,
}

/// A data file that is written and not recorded yet.
pub(super) type Written = (TableName, DataFile);

/// What a flush works with: not the log, which may be closed while one still runs.
#[derive(Debug, Clone)]
pub(super) struct FlushParts {
    pub(super) lake: Arc<Lake>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) clock: Clock,
}

/// Each step can be repeated: names follow from offsets, and what is there already stays.
pub(super) async fn run(parts: FlushParts, flush: Flush) -> Durable {
    let Flush { shard, from, to, cuts, spilled, state } = flush;
    let name = format!("{:03}-{:020}-{:020}", shard.0, from.0, to.0);
    let written = write(&parts, &cuts, &name).await;
    let files = spilled.iter().chain(&written).cloned();
    let recorded: Vec<_> =
        files.map(|(table, file)| Recorded { table, shard, from: from.0, to: to.0, file }).collect();
    retry("recording data files", || async { Ok(parts.ledger.record(&recorded, parts.clock.now()).await?) })
        .await;
    // All cars of a shard may take hundreds of megabytes: no work for a thread that serves others.
    let encoded = tokio::task::spawn_blocking(move || Bytes::from(snapshot::encode(&state, to))).await;
    let snapshot = encoded.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    let durable = retry("writing a snapshot", || store_snapshot(&parts, shard, to, &snapshot)).await;
    replace(&parts, &cuts, &written);
    durable
}

/// Writes the rows of cuts to files.
pub(super) async fn write(parts: &FlushParts, cuts: &[Cut; 2], name: &str) -> Vec<Written> {
    retry("writing data files", || async {
        let mut written = Vec::new();
        for (table, cut) in TableName::ALL.into_iter().zip(cuts) {
            let files = parts.lake.table(table).write(cut, name, parts.clock.now()).await?;
            written.extend(files.into_iter().map(|file| (table, file)));
        }
        Ok(written)
    })
    .await
}

/// Files take the place of the cuts that they were written from.
pub(super) fn replace(parts: &FlushParts, cuts: &[Cut; 2], written: &[Written]) {
    for (table, cut) in TableName::ALL.into_iter().zip(cuts) {
        let files = written.iter().filter(|(of, _)| *of == table).map(|(_, file)| file.clone());
        parts.lake.table(table).replace_cut(cut, files.collect());
    }
}

/// Writes the snapshot and deletes those that are too many.
async fn store_snapshot(
    parts: &FlushParts,
    shard: ShardId,
    to: Offset,
    snapshot: &Bytes,
) -> Result<Durable, OwnerError> {
    let states = parts.lake.states();
    states.put(&snapshot::name(shard, to), snapshot.clone()).await?;
    let names = states.list().await?;
    let mut kept: Vec<_> = names
        .iter()
        .filter_map(|name| Some((snapshot::parse_name(shard, name)?, name)))
        .filter(|(offset, _)| *offset <= to)
        .collect();
    let surplus = kept.len().saturating_sub(SNAPSHOTS_KEPT);
    for (_, name) in kept.drain(..surplus) {
        states.delete(name).await?;
    }
    // With one snapshot alone the log is needed from its beginning, should that be damaged.
    let trim = if kept.len() == SNAPSHOTS_KEPT { kept[0].0 } else { Offset(0) };
    Ok(Durable { offset: to, trim })
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
