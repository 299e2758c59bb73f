//! Deleting what nobody needs any more.

use std::{collections::HashSet, sync::Arc};

use futures::TryStreamExt as _;
use model::{Micros, Timestamp};
use object_store::{ObjectMeta, ObjectStoreExt as _, path::Path};

use super::{Table, lock};
use crate::Error;

/// Delta's log stays so long for those who read an older state of the table.
const LOG_AGE: Micros = Micros(30 * Micros::DAY.0);

const LOG_FOLDER: &str = "_delta_log/";

impl Table {
    /// Deletes data files that are neither in the table nor in `keep` and are older than `age`: what
    /// compaction replaced, and what a crash left. What [`Table::write`] wrote in this life stays
    /// until it is in the table, however long that takes. Deletes entries of Delta's log that a checkpoint
    /// replaced long ago. How many files went.
    pub async fn vacuum(
        self: &Arc<Self>,
        keep: &HashSet<String>,
        now: Timestamp,
        age: Micros,
    ) -> Result<u64, Error> {
        let listed: Vec<_> = self
            .store
            .list(Some(&self.root))
            .try_collect()
            .await
            .map_err(Error::storage("listing", &self.place))?;
        // After the listing: whatever was written before it is known by now.
        let table = Arc::clone(self);
        let needed = tokio::task::spawn_blocking(move || table.needed()).await;
        let needed = needed.map_err(|_| Error::Stopped)??;
        let old = |object: &ObjectMeta, age: Micros| object.last_modified.timestamp_micros() < (now - age).0;
        let covered = listed
            .iter()
            .filter(|object| old(object, LOG_AGE))
            .filter_map(|object| checkpoint(&self.relative(&object.location)?))
            .max();
        let mut deleted = 0;
        for object in &listed {
            let Some(path) = self.relative(&object.location) else { continue };
            let goes = if path.starts_with(LOG_FOLDER) {
                // The checkpoint itself stays, and all that came after it.
                old(object, LOG_AGE)
                    && covered.is_some_and(|covered| version(&path).is_some_and(|v| v < covered))
            } else {
                path.ends_with(".parquet")
                    && old(object, age)
                    && !needed.contains(&path)
                    && !keep.contains(&path)
            };
            if goes {
                self.store.delete(&object.location).await.map_err(Error::storage("deleting", &path))?;
                lock(&self.footers).remove(&path);
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// Files that somebody may read, or will commit.
    fn needed(&self) -> Result<HashSet<String>, Error> {
        let mut needed: HashSet<String> =
            lock(&self.delta).files()?.into_iter().map(|file| file.path).collect();
        let state = self.state();
        needed.extend(state.files.values().flat_map(|files| files.iter()).map(|file| file.path.clone()));
        needed.extend(state.written.iter().cloned());
        Ok(needed)
    }

    fn relative(&self, location: &Path) -> Option<String> {
        let parts: Vec<_> = location.prefix_match(&self.root)?.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/"))
    }
}

/// The version that a file of Delta's log is of.
fn version(path: &str) -> Option<u64> {
    path.strip_prefix(LOG_FOLDER)?.get(..20)?.parse().ok()
}

/// The version of a checkpoint.
fn checkpoint(path: &str) -> Option<u64> {
    if path.ends_with(".checkpoint.parquet") { version(path) } else { None }
}
