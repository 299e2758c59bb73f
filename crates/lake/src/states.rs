//! Small files that owners keep beside the tables: snapshots of what they know.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use model::Timestamp;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};

use crate::Error;

/// A folder of named files, each written whole and durable.
#[derive(Debug, Clone)]
pub struct States {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

impl States {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, root: Path) -> Self {
        Self { store, root }
    }

    /// Replaces a file in one step; it is durable when this returns.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Error> {
        let put = self.store.put(&self.path(name), bytes.into()).await;
        put.map(drop).map_err(Error::storage("writing", name))
    }

    /// `None` when there is no such file.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, Error> {
        match self.store.get(&self.path(name)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(Error::storage("reading", name)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(Error::storage("reading", name)(source)),
        }
    }

    /// The names of all files, sorted.
    pub async fn list(&self) -> Result<Vec<String>, Error> {
        self.matching(|_, _| true).await
    }

    /// The names of files that begin so and were written before a time, sorted.
    pub async fn older(&self, prefix: &str, than: Timestamp) -> Result<Vec<String>, Error> {
        self.matching(|name, written| name.starts_with(prefix) && written < than).await
    }

    async fn matching(&self, which: impl Fn(&str, Timestamp) -> bool + Send) -> Result<Vec<String>, Error> {
        let listed: Vec<_> = self
            .store
            .list(Some(&self.root))
            .try_collect()
            .await
            .map_err(Error::storage("listing", self.root.as_ref()))?;
        let named = listed.iter().filter_map(|object| {
            let name = object.location.filename()?;
            which(name, Timestamp(object.last_modified.timestamp_micros())).then(|| name.to_owned())
        });
        let mut names: Vec<_> = named.collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes a file; one that is gone already is no error.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(Error::storage("deleting", name)(source)),
        }
    }

    fn path(&self, name: &str) -> Path {
        Path::from_iter(self.root.parts().chain(Path::from(name).parts()))
    }
}
