//! Making proofs from tiles (RFC 6962 section 2.1.1 and 2.1.2).

use std::collections::BTreeSet;

use crate::{
    Error, Files, Hash, LogPath,
    hash::{fold_full, fold_right},
    path::TILE_WIDTH,
    tree::check_size,
};

/// Which hashes make up a proof, known from the sizes alone: read what [`ProofPlan::reads`] names, then
/// [`ProofPlan::prove`].
///
/// What is proven depends on what the files say; check it with [`verify`](crate::verify) before it goes
/// out, as [`TlogProof::build`](crate::TlogProof::build) does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofPlan {
    size: u64,
    /// Entries from and to (exclusive), in the order of the proof.
    ranges: Vec<(u64, u64)>,
}

/// A full subtree: 2^height entries, of which it is number `index`.
#[derive(Debug, Clone, Copy)]
struct Node {
    height: u32,
    index: u64,
}

impl ProofPlan {
    /// That an entry stands at `index` in the tree of `size`: at most 63 hashes.
    pub fn inclusion(index: u64, size: u64) -> Result<Self, Error> {
        check_size(size)?;
        if index >= size {
            return Err(Error::NoSuchEntry { index, size });
        }
        let (mut start, mut end) = (0, size);
        let mut ranges = Vec::new();
        while end - start > 1 {
            let split = start + split_of(end - start);
            if index < split {
                ranges.push((split, end));
                end = split;
            } else {
                ranges.push((start, split));
                start = split;
            }
        }
        ranges.reverse();
        Ok(Self { size, ranges })
    }

    /// That the tree of `old_size` is the beginning of the tree of `new_size`: at most 64 hashes. Empty
    /// between a tree and itself, and from the empty tree.
    pub fn consistency(old_size: u64, new_size: u64) -> Result<Self, Error> {
        check_size(new_size)?;
        if old_size > new_size {
            return Err(Error::NoSuchEntry { index: old_size, size: new_size });
        }
        let mut ranges = Vec::new();
        let (mut start, mut end) = (0, new_size);
        // A subtree whose hash the verifier has already, being the old root, is left out.
        let mut is_left_out = true;
        while old_size != 0 && end != old_size {
            let split = start + split_of(end - start);
            if old_size <= split {
                ranges.push((split, end));
                end = split;
            } else {
                ranges.push((start, split));
                start = split;
                is_left_out = false;
            }
        }
        if !is_left_out {
            ranges.push((start, end));
        }
        ranges.reverse();
        Ok(Self { size: new_size, ranges })
    }

    /// The tiles to read, each once. Where a partial one is gone, read its [`LogPath::full`].
    pub fn reads(&self) -> Vec<LogPath> {
        let nodes = self.ranges.iter().flat_map(|range| nodes_of(*range));
        let paths: BTreeSet<LogPath> = nodes.filter_map(|node| self.tile_of(node)).collect();
        paths.into_iter().collect()
    }

    /// The proof's hashes, in the order of the RFC.
    ///
    /// Fails when a tile is missing or has not the length that the tree's size asks for.
    pub fn prove(&self, files: &impl Files) -> Result<Vec<Hash>, Error> {
        let range_hash = |range: &(u64, u64)| {
            let hashes: Result<Vec<Hash>, Error> =
                nodes_of(*range).map(|node| self.node_hash(node, files)).collect();
            hashes.map(|hashes| fold_right(hashes.into_iter()))
        };
        self.ranges.iter().map(range_hash).collect()
    }

    fn tile_of(&self, node: Node) -> Option<LogPath> {
        let (level, first, _) = node.place();
        LogPath::tile_at(level, first / u64::from(TILE_WIDTH), self.size)
    }

    fn node_hash(&self, node: Node, files: &impl Files) -> Result<Hash, Error> {
        let (_, first, count) = node.place();
        let path = self.tile_of(node).ok_or(Error::TreeSize)?;
        let hashes = tile(path, files)?;
        let slot = usize::try_from(first % u64::from(TILE_WIDTH)).map_err(|_| Error::TreeSize)?;
        let below = hashes.get(slot..slot + count).ok_or(Error::Malformed { path })?;
        let below: Vec<Hash> = below.iter().copied().map(Hash::from_bytes).collect();
        Ok(fold_full(&below))
    }
}

impl Node {
    /// The level of the tile that it hashes from, the first hash there, and how many.
    fn place(self) -> (u8, u64, usize) {
        let level = u8::try_from(self.height / 8).unwrap_or(u8::MAX);
        let inside = self.height % 8;
        (level, self.index << inside, 1 << inside)
    }
}

/// The hashes of a partial tile, or of the beginning of the full one that came after it.
fn tile(path: LogPath, files: &impl Files) -> Result<&[[u8; Hash::BYTES]], Error> {
    let LogPath::Tile { width, .. } = path else { return Err(Error::Malformed { path }) };
    let wanted = usize::from(width.get()) * Hash::BYTES;
    let bytes = match files.bytes(path) {
        Some(bytes) => Some(bytes).filter(|bytes| bytes.len() == wanted).ok_or(Error::Malformed { path })?,
        None => {
            let bytes = files.bytes(path.full()).ok_or(Error::Missing { path })?;
            bytes.get(..wanted).ok_or(Error::Malformed { path: path.full() })?
        }
    };
    Ok(bytes.as_chunks().0)
}

/// The largest power of two below `count`, where RFC 6962 splits a tree of more than one leaf.
fn split_of(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The full subtrees of a subtree, from the largest to the smallest.
fn nodes_of((start, end): (u64, u64)) -> impl Iterator<Item = Node> {
    let mut start = start;
    std::iter::from_fn(move || {
        let height = (end - start).checked_ilog2()?;
        let node = Node { height, index: start >> height };
        start += 1 << height;
        Some(node)
    })
}

#[cfg(test)]
mod tests;
