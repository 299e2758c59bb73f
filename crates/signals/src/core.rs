//! The catalogue that ships with the crate: a core of VSS 6.0 and an overlay of finer leaves.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use crate::{Catalogue, CatalogueBuilder, Error, Leaf, table};

const CORE: &str = include_str!("../catalogue/core.tsv");
const OVERLAY: &str = include_str!("../catalogue/overlay.tsv");
const ALIASES: &str = include_str!("../catalogue/aliases.tsv");

/// Every leaf with a registered id, and the paths that VSS gave it in other releases.
#[derive(Debug)]
pub(crate) struct Registry {
    leaves: BTreeMap<Arc<str>, Leaf>,
    aliases: BTreeMap<Arc<str>, Arc<str>>,
    overlay: Vec<Arc<str>>,
}

static REGISTRY: LazyLock<Registry> =
    LazyLock::new(|| Registry::read().expect("the shipped tables are checked by the crate's tests"));

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let mut builder = CatalogueBuilder::default();
    for leaf in REGISTRY.leaves.values() {
        builder.add(leaf.clone());
    }
    Arc::new(builder.build().expect("the shipped tables are checked by the crate's tests"))
});

impl Catalogue {
    /// The shipped catalogue: core and overlay. The same value for the whole process.
    pub fn core() -> Arc<Self> {
        Arc::clone(&CATALOGUE)
    }
}

impl Registry {
    pub(crate) fn shipped() -> &'static Self {
        &REGISTRY
    }

    /// The leaf that has this path now or had it in another release of VSS.
    pub(crate) fn leaf(&self, path: &str) -> Option<&Leaf> {
        self.leaves.get(self.canonical(path))
    }

    /// The path that the registry knows a leaf by.
    pub(crate) fn canonical<'a>(&'a self, path: &'a str) -> &'a str {
        self.aliases.get(path).map_or(path, |path| path)
    }

    /// The leaves that no VSS release has.
    pub(crate) fn overlay(&self) -> impl Iterator<Item = &Leaf> {
        self.overlay.iter().filter_map(|path| self.leaves.get(path))
    }

    fn read() -> Result<Self, Error> {
        let overlay = table::leaves("overlay.tsv", OVERLAY)?;
        let overlay_paths = overlay.iter().map(|leaf| Arc::clone(&leaf.path)).collect();
        let mut leaves = BTreeMap::new();
        for leaf in table::leaves("core.tsv", CORE)?.into_iter().chain(overlay) {
            let path = Arc::clone(&leaf.path);
            if leaves.insert(Arc::clone(&path), leaf).is_some() {
                return Err(Error::DuplicatePath { path: path.to_string() });
            }
        }
        Ok(Self { leaves, aliases: table::aliases("aliases.tsv", ALIASES)?, overlay: overlay_paths })
    }
}

#[cfg(test)]
mod tests;
