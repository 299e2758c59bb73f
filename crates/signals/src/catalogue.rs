//! A set of leaves, found by path and by id.

mod encoded;

use std::{collections::HashMap, sync::Arc};

pub use encoded::CATALOGUE_BYTES_MAX;
use model::CatalogueHash;

use crate::{Error, Leaf, SignalId, Value, core::Registry};

/// An immutable set of leaves. Cheap to share behind an [`Arc`].
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Sorted by path.
    leaves: Vec<Arc<Leaf>>,
    by_path: HashMap<Arc<str>, usize>,
    by_id: HashMap<SignalId, usize>,
    /// Places of leaves by low id, so that finding a registered one costs no hash; `u32::MAX` for none.
    low_ids: Vec<u32>,
    hash: CatalogueHash,
}

impl Catalogue {
    /// All leaves, sorted by path.
    pub fn leaves(&self) -> impl ExactSizeIterator<Item = &Arc<Leaf>> {
        self.leaves.iter()
    }

    /// The leaf of a path, or of a path that the leaf has in another release of VSS.
    pub fn by_path(&self, path: &str) -> Option<&Arc<Leaf>> {
        let index = self.by_path.get(path).or_else(|| {
            let canonical = Registry::shipped().canonical(path);
            self.by_path.get(canonical)
        })?;
        Some(&self.leaves[*index])
    }

    /// As [`Catalogue::by_path`], for text that a person wrote.
    pub fn require(&self, path: &str) -> Result<&Arc<Leaf>, Error> {
        self.by_path(path).ok_or_else(|| Error::UnknownPath { path: path.to_owned() })
    }

    pub fn by_id(&self, id: SignalId) -> Option<&Arc<Leaf>> {
        self.index_of(id).map(|index| &self.leaves[index])
    }

    /// The place of a leaf in [`Catalogue::leaves`]: a dense index for tables of signals.
    pub fn index_of(&self, id: SignalId) -> Option<usize> {
        match usize::try_from(id.0).ok().and_then(|id| self.low_ids.get(id)) {
            Some(place) => usize::try_from(*place).ok().filter(|place| *place < self.leaves.len()),
            None => self.by_id.get(&id).copied(),
        }
    }

    /// The leaf at a place of [`Catalogue::leaves`].
    pub fn leaf_at(&self, index: usize) -> Option<&Arc<Leaf>> {
        self.leaves.get(index)
    }

    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// The same for every catalogue with the same leaves, whatever file they came from.
    pub fn hash(&self) -> CatalogueHash {
        self.hash
    }
}

/// Collects leaves, then checks them all at once.
#[derive(Debug, Default)]
pub struct CatalogueBuilder {
    leaves: Vec<Leaf>,
}

impl CatalogueBuilder {
    pub fn add(&mut self, leaf: Leaf) -> &mut Self {
        self.leaves.push(leaf);
        self
    }

    pub fn build(mut self) -> Result<Catalogue, Error> {
        self.leaves.sort_by(|a, b| a.path.cmp(&b.path));
        let leaves: Vec<_> = self.leaves.into_iter().map(Arc::new).collect();
        let mut by_path = HashMap::with_capacity(leaves.len());
        let mut by_id = HashMap::with_capacity(leaves.len());
        for (index, leaf) in leaves.iter().enumerate() {
            if by_path.insert(Arc::clone(&leaf.path), index).is_some() {
                return Err(Error::DuplicatePath { path: leaf.path.to_string() });
            }
            if let Some(other) = by_id.insert(leaf.id, index) {
                let first: &Arc<Leaf> = &leaves[other];
                return Err(Error::DuplicateId {
                    id: leaf.id.0,
                    first: first.path.to_string(),
                    second: leaf.path.to_string(),
                });
            }
        }
        let low_ids = low_ids(&leaves);
        let hash = content_hash(&leaves);
        Ok(Catalogue { leaves, by_path, by_id, low_ids, hash })
    }
}

/// Ids up to here are found without a hash: far more than are registered, and 256 kB at most.
const LOW_ID_MAX: u32 = u16::MAX as u32;

fn low_ids(leaves: &[Arc<Leaf>]) -> Vec<u32> {
    let mut places = Vec::new();
    for (place, leaf) in (0..).zip(leaves) {
        if leaf.id.0 > LOW_ID_MAX {
            continue;
        }
        let id = usize::try_from(leaf.id.0).expect("compared with LOW_ID_MAX");
        if places.len() <= id {
            places.resize(id + 1, u32::MAX);
        }
        places[id] = place;
    }
    places
}

/// FNV-1a over what decides how a value is read: id, path, type, unit, scale and allowed texts of
/// each leaf; a batch names an allowed text by its place. Descriptions and the least and greatest
/// value may be mended without a new hash.
fn content_hash(leaves: &[Arc<Leaf>]) -> CatalogueHash {
    let mut content = Vec::new();
    let mut mix = |bytes: &[u8]| {
        content.extend(bytes);
        content.push(0xff);
    };
    for leaf in leaves {
        mix(&leaf.id.0.to_le_bytes());
        mix(leaf.path.as_bytes());
        mix(leaf.data_type.to_string().as_bytes());
        mix(leaf.unit.as_deref().unwrap_or_default().as_bytes());
        mix(&[leaf.scale.digits()]);
        for allowed in &leaf.limits.allowed {
            if let Value::Text(text) = allowed {
                mix(text.as_bytes());
            }
        }
    }
    CatalogueHash(model::fnv1a(&content))
}
