//! A set of leaves, found by path and by id.

use std::{collections::HashMap, sync::Arc};

use model::CatalogueHash;

use crate::{Error, Leaf, SignalId};

/// An immutable set of leaves. Cheap to share behind an [`Arc`].
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Sorted by path.
    leaves: Vec<Arc<Leaf>>,
    by_path: HashMap<Arc<str>, usize>,
    by_id: HashMap<SignalId, usize>,
    hash: CatalogueHash,
}

impl Catalogue {
    /// All leaves, sorted by path.
    pub fn leaves(&self) -> impl ExactSizeIterator<Item = &Arc<Leaf>> {
        self.leaves.iter()
    }

    pub fn by_path(&self, path: &str) -> Option<&Arc<Leaf>> {
        self.by_path.get(path).map(|index| &self.leaves[*index])
    }

    pub fn by_id(&self, id: SignalId) -> Option<&Arc<Leaf>> {
        self.by_id.get(&id).map(|index| &self.leaves[*index])
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
        let hash = content_hash(&leaves);
        Ok(Catalogue { leaves, by_path, by_id, hash })
    }
}

/// FNV-1a over what decides how a value is read: id, path, type, unit and scale of each leaf.
/// Descriptions and limits may be mended without a new hash.
fn content_hash(leaves: &[Arc<Leaf>]) -> CatalogueHash {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut mix = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for leaf in leaves {
        mix(&leaf.id.0.to_le_bytes());
        mix(leaf.path.as_bytes());
        mix(leaf.data_type.to_string().as_bytes());
        mix(leaf.unit.as_deref().unwrap_or_default().as_bytes());
        mix(&[leaf.scale.digits()]);
    }
    CatalogueHash(hash)
}
