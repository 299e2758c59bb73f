//! One database has one platform. Log and lake of a platform lie in its data folder, and SQL says which files of
//! them count: a second platform on the same database would take the first one's files for its own.
//!
//! The database names the data folder that it belongs to, and the platform holds a lease in it: no transaction
//! begins without. Who starts on the same folder on the same machine goes on with the lease of the life before.

use std::{fs, io, path::Path, time::Duration};

use aws_lc_rs::rand;
use model::Micros;
use store::Store;
use tokio_util::sync::CancellationToken;

use super::StartError;
use crate::pki;

/// The role of which there is one.
const ROLE: &str = "platform";
/// How long a platform that is gone without a word keeps others out.
const TTL: Micros = Micros(15 * Micros::SECOND.0);
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often a start looks whether the lease of another has ended, and how often in all: longer than a lease
/// lasts, so that whoever still has it then is alive.
const RETRY: Duration = Duration::from_secs(1);
const RETRIES: u32 = 20;
/// The file that names the data folder.
const NAME_FILE: &str = "name";

/// The database is ours.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    holder: String,
    epoch: u64,
}

impl Claim {
    /// Makes the database ours, and gives the store as only we may use it.
    pub(super) async fn take(store: Store, data: &Path) -> Result<(Self, Store), StartError> {
        let own = name_of(data).map_err(|source| StartError::Folder { path: data.to_owned(), source })?;
        let found = store.fix_setting("data_folder", &own).await?;
        if found != own {
            return Err(StartError::OtherData { found, own });
        }
        let holder = holder(data);
        let mut tries = 0;
        loop {
            let other = match Self::ask(&store, &holder).await? {
                Ok(claim) => {
                    let store = store.fenced(ROLE, &claim.holder, claim.epoch);
                    return Ok((claim, store));
                }
                Err(other) => other,
            };
            if tries == RETRIES {
                return Err(StartError::OtherPlatform { holder: other });
            }
            tries += 1;
            tracing::warn!(holder = other, "another platform has the database; waiting for its lease to end");
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Asks once; the error is who holds the lease.
    async fn ask(store: &Store, holder: &str) -> Result<Result<Self, String>, store::Error> {
        let lease = store.acquire_lease(ROLE, holder, TTL).await?;
        if lease.holder != holder {
            return Ok(Err(lease.holder));
        }
        Ok(Ok(Self { holder: lease.holder, epoch: lease.epoch }))
    }

    /// Keeps the lease while the platform runs; a platform that lost it has failed. A database that does not
    /// answer is no loss: nobody else can take the lease there meanwhile, or the store will say so.
    pub(super) async fn keep(self, store: Store, failed: CancellationToken) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            heartbeat.tick().await;
            match store.acquire_lease(ROLE, &self.holder, TTL).await {
                Ok(lease) if lease.holder == self.holder && lease.epoch == self.epoch => {}
                Ok(lease) => {
                    tracing::error!(holder = lease.holder, "another platform has taken the database");
                    return failed.cancel();
                }
                Err(error) => tracing::warn!(%error, "the platform's lease could not be renewed"),
            }
        }
    }

    /// Lets another platform begin at once.
    pub(super) async fn release(&self, store: &Store) {
        if let Err(error) = store.release_lease(ROLE, &self.holder, self.epoch).await {
            tracing::warn!(%error, "the platform's lease was not given back; it ends by itself");
        }
    }
}

/// Which folder this is, whatever it is called and wherever it lies: drawn once.
fn name_of(data: &Path) -> io::Result<String> {
    let path = data.join(NAME_FILE);
    match fs::read_to_string(&path) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 16];
            rand::fill(&mut bytes).map_err(|_| io::Error::other("the machine gives no randomness"))?;
            let name = hex::encode(bytes);
            pki::write_secret_file(&path, &name)?;
            Ok(name)
        }
        Err(error) => Err(error),
    }
}

/// Names this machine's life and the folder on it. The lock of the log keeps a second process from the same.
fn holder(data: &Path) -> String {
    let host = pki::machine_name().unwrap_or_default();
    let life = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let path = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    format!("{host}:{} ({})", path.display(), life.trim())
}

#[cfg(test)]
mod tests;
