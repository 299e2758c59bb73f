//! The catalogues that this cell knows, by hash. A batch of an unknown one is refused.
//!
//! Each is kept in SQL whole, those too that the program ships: a later release, which ships another,
//! reads what cars sent and what the log holds by it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use model::{CatalogueHash, Timestamp};
use signals::{Catalogue, Leaf, SignalId, Vspec};
use store::{Cursor, Store};

/// Why a catalogue is not there.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Invalid(#[from] signals::Error),
    #[error("catalogues are UTF-8 JSON")]
    Text,
}

/// All catalogues. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalogues(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    core: Arc<Catalogue>,
    by_hash: RwLock<BTreeMap<CatalogueHash, Arc<Catalogue>>>,
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
        Self(Arc::new(Shared { core, by_hash: RwLock::new(by_hash) }))
    }

    /// The shipped catalogue, which campaigns are written against.
    pub fn core(&self) -> &Arc<Catalogue> {
        &self.0.core
    }

    pub fn get(&self, hash: CatalogueHash) -> Option<Arc<Catalogue>> {
        self.0.by_hash.read().unwrap_or_else(PoisonError::into_inner).get(&hash).map(Arc::clone)
    }

    /// A signal's leaf, whichever catalogue has it; ids are the same in all.
    pub fn leaf(&self, signal: SignalId) -> Option<Arc<Leaf>> {
        let others = || {
            let all = self.0.by_hash.read().unwrap_or_else(PoisonError::into_inner);
            all.values().find_map(|catalogue| catalogue.by_id(signal)).map(Arc::clone)
        };
        self.0.core.by_id(signal).map(Arc::clone).or_else(others)
    }

    /// The same by path.
    pub fn leaf_by_path(&self, path: &str) -> Result<Arc<Leaf>, signals::Error> {
        let unknown = match self.0.core.require(path) {
            Ok(leaf) => return Ok(Arc::clone(leaf)),
            Err(unknown) => unknown,
        };
        let all = self.0.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        all.values().find_map(|catalogue| catalogue.by_path(path)).map(Arc::clone).ok_or(unknown)
    }

    /// Adds a catalogue from vspec JSON; `false` when it was there already.
    pub async fn add(
        &self,
        store: &Store,
        vspec: &[u8],
        now: Timestamp,
    ) -> Result<(Arc<Catalogue>, bool), CatalogueError> {
        let text = std::str::from_utf8(vspec).map_err(|_| CatalogueError::Text)?;
        let catalogue = Arc::new(Vspec::read(text)?.catalogue);
        // What another release would make of the file is not what batches are read by.
        let source = catalogue.encode();
        let (hash, leaves) = (catalogue.hash(), leaf_count(&catalogue));
        let added = store.add_catalogue(hash, leaves, source.as_bytes(), now).await?;
        self.keep(Arc::clone(&catalogue));
        Ok((catalogue, added))
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
        let mut known = self.0.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(catalogue.hash(), catalogue);
    }
}

fn leaf_count(catalogue: &Catalogue) -> u32 {
    u32::try_from(catalogue.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
