//! The catalogues that this cell knows, by hash. A batch of an unknown one is refused.
//!
//! Each is kept in SQL whole, those too that the program ships: a later release, which ships another,
//! reads what cars sent and what the log holds by it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use bytes::Bytes;
use model::{CatalogueHash, Timestamp};
use signals::{Catalogue, CatalogueBuilder, Leaf, SignalId, Vspec};
use store::{CatalogueRow, Cursor, Store};

/// Each takes some megabytes of memory, and its signals may become columns of the lake.
const CATALOGUES_MAX: usize = 32;

/// Why a catalogue is not there.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Invalid(#[from] signals::Error),
    #[error("catalogues are UTF-8 JSON")]
    Text,
    #[error("there are {CATALOGUES_MAX} catalogues already, and no more are kept in memory")]
    TooMany,
}

/// All catalogues. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalogues(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    core: Arc<Catalogue>,
    known: RwLock<Known>,
}

#[derive(Debug)]
struct Known {
    by_hash: BTreeMap<CatalogueHash, Arc<Catalogue>>,
    /// The leaves of all of them, by path.
    all: Arc<Catalogue>,
}

impl Catalogues {
    /// Records the shipped catalogue and reads all that were added.
    pub async fn load(store: &Store, now: Timestamp) -> Result<Self, CatalogueError> {
        let core = Catalogue::core();
        store.add_catalogue(core.hash(), leaf_count(&core), core.encode().as_bytes(), now).await?;
        let this = Self::shipped_only();
        let mut cursor: Option<Cursor> = None;
        loop {
            let page = store.catalogues(cursor.as_ref(), 100).await?;
            for row in page.items.iter().filter(|row| row.hash != core.hash()) {
                this.load_one(store, row.hash).await;
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(this),
            }
        }
    }

    /// Without SQL, for tests and tools.
    pub fn shipped_only() -> Self {
        let core = Catalogue::core();
        let by_hash = BTreeMap::from([(core.hash(), Arc::clone(&core))]);
        let known = RwLock::new(Known { by_hash, all: Arc::clone(&core) });
        Self(Arc::new(Shared { core, known }))
    }

    /// The shipped catalogue.
    pub fn core(&self) -> &Arc<Catalogue> {
        &self.0.core
    }

    /// The leaves of all catalogues, which campaigns are written against: where two know a path or an id, the
    /// shipped one's counts, then the one's that was added first.
    pub fn all(&self) -> Arc<Catalogue> {
        Arc::clone(&self.known().all)
    }

    pub fn get(&self, hash: CatalogueHash) -> Option<Arc<Catalogue>> {
        self.known().by_hash.get(&hash).map(Arc::clone)
    }

    /// A signal's leaf, whichever catalogue has it; ids are the same in all.
    pub fn leaf(&self, signal: SignalId) -> Option<Arc<Leaf>> {
        let others = || {
            let known = self.known();
            known.by_hash.values().find_map(|catalogue| catalogue.by_id(signal)).map(Arc::clone)
        };
        self.0.core.by_id(signal).map(Arc::clone).or_else(others)
    }

    /// The same by path.
    pub fn leaf_by_path(&self, path: &str) -> Result<Arc<Leaf>, signals::Error> {
        self.known().all.require(path).map(Arc::clone)
    }

    /// Adds a catalogue from vspec JSON, which may have 16 MiB; `false` when it was there already.
    pub async fn add(
        &self,
        store: &Store,
        vspec: Bytes,
        now: Timestamp,
    ) -> Result<(CatalogueRow, bool), CatalogueError> {
        let (catalogue, source) = tokio::task::spawn_blocking(move || read(&vspec))
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let hash = catalogue.hash();
        let known = self.get(hash).is_some();
        if !known && self.known().by_hash.len() >= CATALOGUES_MAX {
            return Err(CatalogueError::TooMany);
        }
        let added = store.add_catalogue(hash, leaf_count(&catalogue), source.as_bytes(), now).await?;
        if !known {
            self.keep(Arc::new(catalogue));
        }
        Ok((store.catalogue(hash).await?, added))
    }

    /// One that this program cannot read must not keep the others from working. Should the log hold a
    /// batch of it, its owner says so and goes no further.
    async fn load_one(&self, store: &Store, hash: CatalogueHash) {
        let source = match store.catalogue_source(hash).await {
            Ok(source) => source,
            Err(error) => {
                tracing::error!(%hash, %error, "a catalogue cannot be loaded; its batches are refused");
                return;
            }
        };
        match Catalogue::decode(&source) {
            Ok(catalogue) if catalogue.hash() == hash => self.keep(Arc::new(catalogue)),
            Ok(catalogue) => {
                let found = catalogue.hash();
                tracing::error!(%hash, %found, "a catalogue stands under another's name; its batches are refused");
            }
            Err(error) => {
                tracing::error!(%hash, %error, "a catalogue cannot be read; its batches are refused");
            }
        }
    }

    fn keep(&self, catalogue: Arc<Catalogue>) {
        let hash = catalogue.hash();
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        match union(&known.all, &catalogue) {
            Ok(all) => known.all = Arc::new(all),
            Err(error) => tracing::error!(%hash, %error, "campaigns cannot name a catalogue's leaves"),
        }
        known.by_hash.insert(hash, catalogue);
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All leaves of `first`, and those of `second` that it does not know.
fn union(first: &Catalogue, second: &Catalogue) -> Result<Catalogue, signals::Error> {
    let mut builder = CatalogueBuilder::default();
    for leaf in first.leaves() {
        builder.add(Leaf::clone(leaf));
    }
    let is_new = |leaf: &&Arc<Leaf>| first.by_id(leaf.id).is_none() && first.by_path(&leaf.path).is_none();
    for leaf in second.leaves().filter(is_new) {
        builder.add(Leaf::clone(leaf));
    }
    builder.build()
}

/// A catalogue and its own text: what another release would make of the file is not what batches are
/// read by.
fn read(vspec: &[u8]) -> Result<(Catalogue, String), CatalogueError> {
    let text = std::str::from_utf8(vspec).map_err(|_| CatalogueError::Text)?;
    let catalogue = Vspec::read(text)?.catalogue;
    let source = catalogue.encode();
    Ok((catalogue, source))
}

fn leaf_count(catalogue: &Catalogue) -> u32 {
    u32::try_from(catalogue.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
