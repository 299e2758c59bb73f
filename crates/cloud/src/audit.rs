//! The region's audit log as it is written: one writer, group commit, files that anybody can verify.
//!
//! [`Audit::record`] returns when the entry is durable and signed. Whoever acts waits for that first; see
//! `http::audit` for what is recorded when.
//!
//! Invariants, as absences: nothing is acknowledged before a checkpoint covers it; no two checkpoints are
//! signed for one size; no VIN, no place and no token is in an entry; no id of a person or a car stands there
//! but as a commitment.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::audit::{
    Algorithm, Evidence, Hash, LogPath, ProofPlan, SignedCheckpoint, Signer, SoftwareSigner, TlogProof,
    VerifierKey, Width, entries_of, verifier_key,
};
use model::Region;
use store::Store;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{errors::chain, metrics::Metrics};
use counts::Counts;
use writer::{Writer, blocking};

mod counts;
mod files;
mod key;
mod record;
mod writer;

pub use files::{Folder, LogFiles};
pub use key::origin;
pub(crate) use record::{CROWD, commitment_hex, counted, slug, word};
pub use record::{Named, Record};

/// Entries that wait for the writer. Behind so many an answer would come too late anyway.
const QUEUE_ENTRIES_MAX: usize = 4_096;
/// Entries that are written at once; some 300 kB.
const BATCH_ENTRIES_MAX: usize = 1_024;
/// How long a batch waits for others to join it; a write takes about as long.
const GATHER: Duration = Duration::from_millis(2);
/// The key by which the log is verified, beside the log.
pub const VERIFIER_KEY_FILE: &str = "verifier-key";

/// Why the log is not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("the audit log's files cannot be read or written; check the folder's owner and free space")]
    Files(#[source] io::Error),
    #[error(
        "the audit log is damaged, or another key's; find out with `marque audit verify`, and restore folder and key from one backup"
    )]
    Log(#[from] ::audit::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{} is gone, but its log is there; restore it from a backup", path.display())]
    KeyGone { path: PathBuf },
    #[error("{} is damaged; restore it from a backup", path.display())]
    KeyDamaged { path: PathBuf },
    #[error("the database knows entries of an audit log whose files are gone; restore them from a backup")]
    LogGone,
    #[error(
        "the audit log ends at {size} entries, but the database knows {end}: its files are an old copy; restore the newest"
    )]
    LogBehind { size: u64, end: u64 },
    #[error("the machine gives no randomness")]
    Random,
    #[error("more entries wait for the audit log than it can write; try again in a second")]
    Full,
    #[error("the audit log could not be written; the platform's log says why")]
    Unwritten,
}

/// Where the log and its key are.
#[derive(Debug, Clone)]
pub struct Place {
    pub region: Region,
    /// Holds the key by which the log is verified, and the log below `log/`.
    pub folder: PathBuf,
    pub keys: PathBuf,
}

/// The region's log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    jobs: mpsc::Sender<Job>,
    head: watch::Receiver<Arc<SignedCheckpoint>>,
    files: Arc<dyn LogFiles>,
    key: VerifierKey,
    counts: Counts,
    closing: CancellationToken,
    writing: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Job {
    record: Record,
    /// Told the entry's index, or nothing when it could not be written.
    done: Option<oneshot::Sender<Option<u64>>>,
}

impl Audit {
    /// Opens the log in its folder, or begins it there.
    pub async fn start(place: &Place, store: Store, metrics: &Metrics) -> Result<Self, AuditError> {
        let (opened, log) = (place.clone(), log_folder(&place.folder));
        let (files, signer) = blocking(move || {
            let files = Folder::open(&log).map_err(AuditError::Files)?;
            let begins = files.read(LogPath::Checkpoint).map_err(AuditError::Files)?.is_none();
            let signer = key::open(&opened.keys, &opened.region, begins)?;
            write_verifier_key(&opened.folder, &signer).map_err(AuditError::Files)?;
            Ok((files, signer))
        })
        .await?;
        Self::with_files(Arc::new(files), Arc::new(signer), place.region.clone(), store, metrics).await
    }

    /// The same for a log that is kept elsewhere.
    pub async fn with_files(
        files: Arc<dyn LogFiles>,
        signer: Arc<dyn Signer>,
        region: Region,
        store: Store,
        metrics: &Metrics,
    ) -> Result<Self, AuditError> {
        let key = verifier_key(&*signer, Algorithm::Ed25519);
        let (writer, head) = Writer::open(Arc::clone(&files), store, signer, region).await?;
        let (jobs, waiting) = mpsc::channel(QUEUE_ENTRIES_MAX);
        let (counts, closing) = (Counts::new(metrics), CancellationToken::new());
        counts.log_size(head.borrow().head().size);
        let writing = tokio::spawn(write(writer, waiting, counts.clone(), closing.clone(), head.clone()));
        let writing = Mutex::new(Some(writing));
        Ok(Self(Arc::new(Inner { jobs, head, files, key, counts, closing, writing })))
    }

    /// Writes an entry; its index, when it is durable and signed.
    pub async fn record(&self, record: Record) -> Result<u64, AuditError> {
        let (done, told) = oneshot::channel();
        self.push(Job { record, done: Some(done) })?;
        told.await.ok().flatten().ok_or(AuditError::Unwritten)
    }

    /// Writes an entry that nobody can wait for, such as the end of a stream.
    pub fn note(&self, record: Record) {
        if let Err(error) = self.push(Job { record, done: None }) {
            self.0.counts.lost();
            tracing::error!(%error, "an entry of the audit log was lost");
        }
    }

    /// The newest checkpoint.
    pub fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        Arc::clone(&self.0.head.borrow())
    }

    /// The key by which the log is verified.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.0.key
    }

    /// A file that the newest checkpoint covers, also a partial one that a full one has followed.
    pub async fn read(&self, path: LogPath) -> Result<Option<Vec<u8>>, AuditError> {
        if !path.is_within(self.checkpoint().head().size) {
            return Ok(None);
        }
        let files = Arc::clone(&self.0.files);
        blocking(move || read(&*files, path)).await
    }

    /// The bytes of entries; those that the log does not have are left out.
    pub async fn entries(&self, indexes: &[u64]) -> Result<BTreeMap<u64, Vec<u8>>, AuditError> {
        let size = self.checkpoint().head().size;
        let mut bundles: BTreeMap<LogPath, Vec<u64>> = BTreeMap::new();
        for index in indexes {
            if let Some(path) = LogPath::entries_holding(*index, size) {
                bundles.entry(path).or_default().push(*index);
            }
        }
        let files = Arc::clone(&self.0.files);
        blocking(move || {
            let mut found = BTreeMap::new();
            for (path, indexes) in bundles {
                let bytes = read(&*files, path)?.ok_or(::audit::Error::Missing { path })?;
                let entries = entries_of(path, &bytes)?;
                for index in indexes {
                    let slot = usize::try_from(index % u64::from(::audit::TILE_WIDTH)).unwrap_or(usize::MAX);
                    if let Some(entry) = entries.get(slot) {
                        found.insert(index, (*entry).to_vec());
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    /// The proof that an entry is in the log; it carries the evidence.
    pub async fn proof(&self, index: u64, evidence: Evidence) -> Result<TlogProof, AuditError> {
        let checkpoint = self.checkpoint();
        let plan = ProofPlan::inclusion(index, checkpoint.head().size)?;
        let files = Arc::clone(&self.0.files);
        blocking(move || {
            let mut tiles = BTreeMap::new();
            for path in plan.reads() {
                let bytes = read(&*files, path)?.ok_or(::audit::Error::Missing { path })?;
                tiles.insert(path, bytes);
            }
            Ok(TlogProof::build(evidence, index, &checkpoint, &tiles)?)
        })
        .await
    }

    /// Takes no more entries and returns when all that wait are written.
    pub async fn stop(&self) {
        self.0.closing.cancel();
        let writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writing) = writing
            && let Err(error) = writing.await
        {
            tracing::error!(%error, "the audit log's writer did not end well");
        }
    }

    fn push(&self, job: Job) -> Result<(), AuditError> {
        self.0.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AuditError::Full,
            mpsc::error::TrySendError::Closed(_) => AuditError::Unwritten,
        })?;
        self.0.counts.queued(1);
        Ok(())
    }
}

/// Where the log's files are below its folder.
pub fn log_folder(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn write_verifier_key(folder: &Path, signer: &SoftwareSigner) -> io::Result<()> {
    let text = format!("{}\n", verifier_key(signer, Algorithm::Ed25519));
    let path = folder.join(VERIFIER_KEY_FILE);
    files::write_whole(&path, &path.with_extension("new"), &text)
}

/// Whatever waits, as often as there is something, until nobody can send any more.
async fn write(
    mut writer: Writer,
    mut waiting: mpsc::Receiver<Job>,
    counts: Counts,
    closing: CancellationToken,
    head: watch::Receiver<Arc<SignedCheckpoint>>,
) {
    loop {
        let first = tokio::select! {
            biased;
            first = waiting.recv() => first,
            () = closing.cancelled(), if !waiting.is_closed() => {
                waiting.close();
                continue;
            }
        };
        let Some(first) = first else { return };
        if !waiting.is_closed() {
            tokio::time::sleep(GATHER).await;
        }
        let mut jobs = vec![first];
        while jobs.len() < BATCH_ENTRIES_MAX
            && let Ok(job) = waiting.try_recv()
        {
            jobs.push(job);
        }
        let began = Instant::now();
        let (records, told): (Vec<Record>, Vec<_>) =
            jobs.into_iter().map(|job| (job.record, job.done)).unzip();
        counts.queued(-i64::try_from(records.len()).unwrap_or(i64::MAX));
        let entries = records.len();
        let written = writer.write(records).await;
        match &written {
            Ok(_) => counts.wrote(entries, began.elapsed(), head.borrow().head().size),
            Err(error) => {
                counts.failed(entries);
                tracing::error!(error = %chain(error), entries, "a batch of the audit log could not be written");
            }
        }
        for (done, place) in told.into_iter().zip(0_u64..) {
            // Who does not wait any more does not want to know.
            let _gone =
                done.is_some_and(|done| done.send(written.as_ref().ok().map(|first| first + place)).is_err());
        }
    }
}

/// A file, or the beginning of the full one that has followed it.
pub fn read(files: &dyn LogFiles, path: LogPath) -> Result<Option<Vec<u8>>, AuditError> {
    if let Some(bytes) = files.read(path).map_err(AuditError::Files)? {
        return Ok(Some(bytes));
    }
    let full = path.full();
    if full == path {
        return Ok(None);
    }
    let Some(mut bytes) = files.read(full).map_err(AuditError::Files)? else { return Ok(None) };
    let len = match path {
        LogPath::Checkpoint => bytes.len(),
        LogPath::Tile { width, .. } => usize::from(width.get()) * Hash::BYTES,
        LogPath::Entries { width, .. } => first_entries_len(full, &bytes, width)?,
    };
    bytes.truncate(len);
    Ok(Some(bytes))
}

/// Bytes of the first entries of a bundle, each behind its length of two bytes.
fn first_entries_len(full: LogPath, bytes: &[u8], width: Width) -> Result<usize, AuditError> {
    let entries = entries_of(full, bytes)?;
    Ok(entries.iter().take(usize::from(width.get())).map(|entry| 2 + entry.len()).sum())
}

#[cfg(test)]
mod tests;
