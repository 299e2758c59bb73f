//! What has to reach people outside of the platform.
//!
//! It is kept in SQL with the act that caused it, and sent afterwards. The one transport is a folder that only the
//! platform's user reads.
//!
//! Invariants, as absences: no secret lies in SQL unsealed, or at all once it was sent; none is in a log.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{Micros, PersonId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{OutboxRow, Store};
use tokio::sync::Mutex;

use crate::{
    errors::chain,
    pki::PkiError,
    random,
    seal::{SealError, Sealer},
};

/// Sent in one go; more wait for the next.
const AT_ONCE: u32 = 100;
/// How long files stay whose links counted for a day: time to see what was sent.
const KEPT: Micros = Micros(7 * Micros::DAY.0);

/// Why something could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Random(#[from] PkiError),
    #[error("an entry of the outbox cannot be read; delete the row `{id}` of the table `outbox`")]
    Damaged { id: String },
    #[error("cannot write or remove {path}; check the folder's owner and free space")]
    File { path: String, source: io::Error },
}

/// What a person is told.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Letter {
    /// The address, where the account has one.
    pub(crate) to: Option<String>,
    pub(crate) username: String,
    pub(crate) text: String,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Letter(..)")
    }
}

/// Keeps and sends. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox {
    store: Store,
    sealer: Sealer,
    folder: Arc<Path>,
    /// Two who send at once would write the same files.
    sending: Arc<Mutex<()>>,
}

impl Outbox {
    pub fn new(store: Store, sealer: Sealer, folder: &Path) -> Self {
        Self { store, sealer, folder: folder.into(), sending: Arc::default() }
    }

    /// The row that has to be written with the act that the letter is about.
    pub(crate) fn row(
        &self,
        kind: &str,
        person: PersonId,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<OutboxRow, OutboxError> {
        let id = random::name()?;
        let text = serde_json::to_vec(letter).expect("a letter holds only texts");
        let payload = self.sealer.seal(&use_of(&id), &text)?;
        Ok(OutboxRow { id, kind: kind.to_owned(), person, payload, created_at: now })
    }

    /// Sends what waits. What cannot be sent waits on, and holds up nothing else.
    pub async fn send(&self, now: Timestamp) {
        let _sending = self.sending.lock().await;
        let mut last: Option<OutboxRow> = None;
        loop {
            let waiting = match self.store.unsent(last.as_ref(), AT_ONCE).await {
                Ok(waiting) => waiting,
                Err(error) => return tracing::warn!(error = %chain(&error), "the outbox cannot be read"),
            };
            for row in &waiting {
                if let Err(error) = self.send_one(row, now).await {
                    tracing::warn!(outbox_id = row.id, error = %chain(&error), "not sent yet");
                }
            }
            match waiting.into_iter().next_back() {
                Some(row) => last = Some(row),
                None => return,
            }
        }
    }

    async fn send_one(&self, row: &OutboxRow, now: Timestamp) -> Result<(), OutboxError> {
        let text = self.sealer.unseal(&use_of(&row.id), &row.payload)?;
        let damaged = |_| OutboxError::Damaged { id: row.id.clone() };
        let letter: Letter = serde_json::from_slice(&text).map_err(damaged)?;
        let to = letter.to.map_or_else(String::new, |to| format!("To: {to}\n"));
        let text = format!("{to}Account: {}\nAbout: {}\n\n{}\n", letter.username, row.kind, letter.text);
        let (folder, path) = (Arc::clone(&self.folder), self.path(&row.id));
        let written = tokio::task::spawn_blocking(move || write(&folder, &path, &text)).await;
        written.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        Ok(self.store.note_sent(&row.id, now).await?)
    }

    /// Forgets what was sent long ago, with its file.
    pub async fn tidy(&self, now: Timestamp) -> Result<(), OutboxError> {
        for id in self.store.sent_before(now - KEPT, AT_ONCE).await? {
            let path = self.path(&id);
            match tokio::fs::remove_file(&path).await {
                Ok(()) => {}
                // Whoever has sent it on has taken it away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(failed(&path, source)),
            }
            self.store.forget_sent(&id).await?;
        }
        Ok(())
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.txt"))
    }
}

fn use_of(id: &str) -> String {
    format!("outbox/{id}")
}

fn write(folder: &Path, path: &Path, text: &str) -> Result<(), OutboxError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| failed(folder, source))?;
    if fs::exists(path).is_ok_and(|there| there) {
        // It was written, and the platform ended before it noted that.
        return Ok(());
    }
    crate::pki::write_secret_file(path, text).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> OutboxError {
    OutboxError::File { path: path.display().to_string(), source }
}
