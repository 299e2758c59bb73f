//! What an owner finds when it starts.

use std::sync::Arc;

use lake::{TableName, log::Offset};
use model::ShardId;

use super::{OwnerError, OwnerParts, ledger::Recorded, quarantine::Quarantine, snapshot, twins::State};

/// Where an owner goes on.
pub(super) struct Recovered {
    pub(super) state: State,
    /// The log is read from here.
    pub(super) offset: Offset,
    /// Rows of each table are wanted from here on; what is before is in files.
    pub(super) emit_from: [Offset; 2],
    pub(super) quarantine: Quarantine,
}

pub(super) async fn recover(parts: &OwnerParts, shard: ShardId) -> Result<Recovered, OwnerError> {
    let (state, offset) = newest_snapshot(parts, shard).await?;
    let mut emit_from = [offset; 2];
    for table in TableName::ALL {
        let committed = committed(parts, table, shard).await?;
        emit_from[table.index()] = offset.max(committed);
        settle(parts, table, shard, offset, committed).await?;
    }
    let (start, end) = (parts.log.start(shard), parts.log.end(shard));
    if start > offset {
        return Err(OwnerError::Gap { start, stored: offset });
    }
    if end < offset {
        return Err(OwnerError::OtherLog { end, stored: offset });
    }
    tracing::info!(shard = shard.0, from = offset.0, to = end.0, cars = state.cars.len(), "reading the log");
    let quarantine = Quarantine::open(parts.lake.states().clone(), shard).await?;
    Ok(Recovered { state, offset, emit_from, quarantine })
}

/// A snapshot that is damaged costs reading more of the log, which is kept from the one before.
async fn newest_snapshot(parts: &OwnerParts, shard: ShardId) -> Result<(State, Offset), OwnerError> {
    let states = parts.lake.states();
    for name in states.list().await?.iter().rev() {
        let Some(offset) = snapshot::parse_name(shard, name) else { continue };
        let Some(bytes) = states.get(name).await? else { continue };
        match snapshot::decode(&bytes) {
            Some((state, found)) if found == offset => return Ok((state, offset)),
            Some(_) | None => tracing::error!(%name, "a snapshot is damaged; using the one before"),
        }
    }
    Ok((State::default(), Offset(0)))
}

/// How far Delta says that the shard is.
pub(super) async fn committed(
    parts: &OwnerParts,
    table: TableName,
    shard: ShardId,
) -> Result<Offset, OwnerError> {
    let table = Arc::clone(parts.lake.table(table));
    let committed = tokio::task::spawn_blocking(move || table.committed(shard)).await;
    Ok(Offset(committed.map_err(|_| OwnerError::Stopped)??.unwrap_or(0)))
}

/// Decides what becomes of files that were recorded: those in Delta are done; those before the
/// snapshot wait for the committer and are read meanwhile; the log still has the rows of the rest.
async fn settle(
    parts: &OwnerParts,
    table: TableName,
    shard: ShardId,
    snapshot: Offset,
    committed: Offset,
) -> Result<(), OwnerError> {
    let mut pending = parts.ledger.pending(table).await?;
    pending.retain(|recorded| recorded.shard == shard);
    let (done, rest): (Vec<_>, Vec<_>) = pending.into_iter().partition(|recorded| recorded.to <= committed.0);
    let (waiting, beyond): (Vec<Recorded>, Vec<_>) =
        rest.into_iter().partition(|recorded| recorded.to <= snapshot.0);
    if !done.is_empty() {
        parts.ledger.committed(&done, parts.clock.now()).await?;
    }
    if !beyond.is_empty() {
        parts.ledger.drop_files(&beyond).await?;
    }
    let files = waiting.into_iter().map(|recorded| recorded.file).collect();
    Ok(parts.lake.table(table).add_recorded(files).await?)
}
