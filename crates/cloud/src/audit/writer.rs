//! The one that writes: a batch at a time, in an order that a crash at any moment cannot break.
//!
//! Entries and tiles, then their openings, then the signed checkpoint. Only the checkpoint makes them count:
//! what is beyond it, in files or in SQL, is of a batch that nobody was told about.

use std::{collections::BTreeMap, io, sync::Arc};

use ::audit::{Algorithm, Checkpoint, LogPath, Policy, SignedCheckpoint, Signer, Tree, verifier_key};
use model::Region;
use store::Store;
use tokio::sync::watch;

use super::{AuditError, LogFiles, Record};

/// Writes a log; there is one of them.
pub(super) struct Writer {
    files: Arc<dyn LogFiles>,
    store: Store,
    signer: Arc<dyn Signer>,
    policy: Policy,
    region: Region,
    tree: Tree,
    /// Signed, but perhaps not in its place. Nothing else may ever be signed for its size, so that it is
    /// finished before anything else is written.
    unfinished: Option<Unfinished>,
    head: watch::Sender<Arc<SignedCheckpoint>>,
}

struct Unfinished {
    checkpoint: SignedCheckpoint,
    tree: Tree,
    /// Full files, whose partial forms may go.
    full: Vec<LogPath>,
}

impl Writer {
    /// Takes the log up at its checkpoint and clears what lies beyond it; begins a new one where there is none.
    pub(super) async fn open(
        files: Arc<dyn LogFiles>,
        store: Store,
        signer: Arc<dyn Signer>,
        region: Region,
    ) -> Result<(Self, watch::Receiver<Arc<SignedCheckpoint>>), AuditError> {
        let policy = Policy::of_log(verifier_key(&*signer, Algorithm::Ed25519));
        let (opened, known) = (Arc::clone(&files), policy.clone());
        let found = blocking(move || open_log(&*opened, &known)).await?;
        let (tree, checkpoint) = match found {
            Some(found) => found,
            None if store.audit_end().await? > 0 => return Err(AuditError::LogGone),
            None => begin_log(&files, &signer, &policy).await?,
        };
        let size = checkpoint.head().size;
        let end = store.audit_end().await?;
        if end > size.saturating_add(super::BATCH_ENTRIES_MAX as u64) {
            return Err(AuditError::LogBehind { size, end });
        }
        let cleared = store.clear_audit_from(size).await?;
        if cleared > 0 {
            tracing::warn!(entries = cleared, "cleared what a batch left that was never signed");
        }
        let (head, reader) = watch::channel(Arc::new(checkpoint));
        Ok((Self { files, store, signer, policy, region, tree, unfinished: None, head }, reader))
    }

    /// Makes a batch durable; the index of its first entry.
    pub(super) async fn write(&mut self, batch: Vec<Record>) -> Result<u64, AuditError> {
        self.finish().await?;
        let first = self.tree.head().size;
        let (mut entries, mut rows) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for (record, index) in batch.into_iter().zip(first..) {
            let (entry, row) = record.seal(&self.region, index)?;
            entries.push(entry);
            rows.push(row);
        }
        let append = self.tree.append(&entries)?;
        let (files, writes) = (Arc::clone(&self.files), append.writes);
        let full = writes.iter().map(|write| write.path).filter(|path| *path == path.full()).collect();
        blocking(move || files.write(&writes).map_err(AuditError::Files)).await?;
        let mut tx = self.store.begin().await?;
        tx.add_audit_entries(&rows).await?;
        tx.commit().await?;
        let (signer, policy) = (Arc::clone(&self.signer), self.policy.clone());
        let head = append.tree.head();
        let checkpoint = blocking(move || sign(&*signer, &policy, head)).await?;
        self.unfinished = Some(Unfinished { checkpoint, tree: append.tree, full });
        self.finish().await?;
        Ok(first)
    }

    /// Puts a signed checkpoint in its place, if one waits for it.
    async fn finish(&mut self) -> Result<(), AuditError> {
        let Some(unfinished) = &self.unfinished else { return Ok(()) };
        let (files, note) = (Arc::clone(&self.files), unfinished.checkpoint.note().to_string());
        blocking(move || files.write_checkpoint(&note).map_err(AuditError::Files)).await?;
        let Some(Unfinished { checkpoint, tree, full }) = self.unfinished.take() else { return Ok(()) };
        self.tree = tree;
        self.head.send_replace(Arc::new(checkpoint));
        let files = Arc::clone(&self.files);
        let cleared = blocking(move || {
            full.into_iter().try_for_each(|path| files.remove_partial(path)).map_err(AuditError::Files)
        });
        if let Err(error) = cleared.await {
            // They are right and only take up room.
            tracing::debug!(%error, "partial files of the audit log stay");
        }
        Ok(())
    }
}

fn sign(
    signer: &dyn Signer,
    policy: &Policy,
    head: ::audit::TreeHead,
) -> Result<SignedCheckpoint, AuditError> {
    let note = Checkpoint::new(policy.origin(), head)?.sign(&[signer])?;
    Ok(policy.verify(&note.to_string())?)
}

/// The tree at the checkpoint; nothing when there is no checkpoint.
fn open_log(files: &dyn LogFiles, policy: &Policy) -> Result<Option<(Tree, SignedCheckpoint)>, AuditError> {
    let Some(note) = files.read(LogPath::Checkpoint).map_err(AuditError::Files)? else { return Ok(None) };
    let checkpoint = policy.verify(&String::from_utf8_lossy(&note))?;
    let head = checkpoint.head();
    let mut read = BTreeMap::new();
    for path in Tree::reads(head.size)? {
        if let Some(bytes) = files.read(path).map_err(AuditError::Files)? {
            read.insert(path, bytes);
        }
    }
    let tree = Tree::open(head, &read)?;
    clear_beyond(files, head.size).map_err(AuditError::Files)?;
    Ok(Some((tree, checkpoint)))
}

fn clear_beyond(files: &dyn LogFiles, size: u64) -> io::Result<()> {
    let paths = files.list()?;
    let paths = paths.iter().filter_map(|text| text.parse::<LogPath>().ok());
    paths.filter(|path| !path.is_within(size)).try_for_each(|path| files.remove(path))
}

async fn begin_log(
    files: &Arc<dyn LogFiles>,
    signer: &Arc<dyn Signer>,
    policy: &Policy,
) -> Result<(Tree, SignedCheckpoint), AuditError> {
    let (files, signer, policy) = (Arc::clone(files), Arc::clone(signer), policy.clone());
    blocking(move || {
        let checkpoint = sign(&*signer, &policy, Tree::EMPTY.head())?;
        clear_beyond(&*files, 0).map_err(AuditError::Files)?;
        files.write_checkpoint(&checkpoint.note().to_string()).map_err(AuditError::Files)?;
        Ok((Tree::EMPTY, checkpoint))
    })
    .await
}

/// Runs what may wait for a disk where waiting is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
