//! Growing a log: what to write for a batch of entries.

use crate::{
    EVENT_BYTES_MAX, Error, Hash, LogPath,
    bundle::{entries_of, push_entry, tile_bytes, tile_hashes},
    hash::{fold_full, fold_right},
    path::{LEVELS, TILE_WIDTH, TREE_SIZE_MAX, Width, hashes_at},
};

/// Entries in one batch at most: what is written for it waits in memory.
pub const BATCH_ENTRIES_MAX: usize = 65_536;

/// Bytes of a batch's entries at most: 64 MiB, which events cannot exceed. Entries of others may have
/// 65,535 bytes each.
pub const BATCH_BYTES_MAX: usize = BATCH_ENTRIES_MAX * EVENT_BYTES_MAX;

/// How large a tree is and what its root is. Both together fix every entry for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    pub size: u64,
    pub root: Hash,
}

/// Where files that were read stand. A map of them is one; a shell may give another.
pub trait Files {
    /// The bytes of a file; nothing when it was not read or is not there.
    fn bytes(&self, path: LogPath) -> Option<&[u8]>;
}

impl Files for std::collections::BTreeMap<LogPath, Vec<u8>> {
    fn bytes(&self, path: LogPath) -> Option<&[u8]> {
        self.get(&path).map(Vec::as_slice)
    }
}

/// A file to write. Overwrite what is there: nothing signed ever pointed to it, or it is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub path: LogPath,
    pub bytes: Vec<u8>,
}

/// What a batch asks for.
///
/// The order holds a log together through a crash: `writes` in their order (entries, then hashes), all
/// of them durable, and only then a checkpoint over `tree.head()`. Whoever stops before that starts
/// again from the old checkpoint: it clears away what is not [within](LogPath::is_within) it, and what
/// the batch left behind otherwise is overwritten.
#[derive(Debug, Clone)]
pub struct Append {
    /// Entries first, then tiles. The last file of a kind is partial unless it is just full.
    pub writes: Vec<Write>,
    /// The tree with the batch. Keep the old one until the checkpoint is written.
    pub tree: Tree,
}

/// The right edge of a log: all that is needed to append, at most 64 KiB of hashes and one bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Per level, the hashes of the tile that is not full.
    edge: [Vec<Hash>; LEVELS as usize],
    /// The bundle that is not full.
    bundle: Vec<u8>,
}

impl Default for Tree {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Tree {
    /// A log without entries.
    pub const EMPTY: Self =
        Self { size: 0, edge: [const { Vec::new() }; LEVELS as usize], bundle: Vec::new() };

    /// The files to read before a tree of `size` can be opened: at most nine.
    pub fn reads(size: u64) -> Result<Vec<LogPath>, Error> {
        check_size(size)?;
        let last = hashes_at(1, size);
        let bundle = LogPath::entries_at(last, size);
        Ok(bundle.into_iter().chain(edge_tiles(size)).collect())
    }

    /// Takes a log up where its checkpoint stands.
    ///
    /// Fails when a file is missing or damaged, or when they do not lead to the checkpoint's root: then
    /// find out with an [`Auditor`](crate::Auditor), and append nothing.
    pub fn open(head: TreeHead, files: &impl Files) -> Result<Self, Error> {
        let mut tree = Self { size: head.size, ..Self::EMPTY };
        for path in Self::reads(head.size)? {
            let bytes = files.bytes(path).ok_or(Error::Missing { path })?;
            match path {
                LogPath::Tile { level, width, .. } => {
                    tree.edge[usize::from(level)] =
                        tile_hashes(bytes, width).ok_or(Error::Malformed { path })?;
                }
                LogPath::Entries { .. } => bytes.clone_into(&mut tree.bundle),
                LogPath::Checkpoint => {}
            }
        }
        if tree.head() != head {
            return Err(Error::OtherRoot { size: head.size });
        }
        if let Some(path) = LogPath::entries_at(hashes_at(1, head.size), head.size) {
            let leaves = entries_of(path, &tree.bundle)?.into_iter().map(Hash::of_leaf);
            if !leaves.eq(tree.edge[0].iter().copied()) {
                return Err(Error::Malformed { path });
            }
        }
        Ok(tree)
    }

    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: edge_root(&self.edge) }
    }

    /// What to write for a batch, and the tree after it. Nothing changes here, so that it can be tried
    /// again; the same batch on the same tree gives the same bytes.
    ///
    /// Fails when an entry is longer than [`ENTRY_BYTES_MAX`](crate::ENTRY_BYTES_MAX), the batch has more
    /// than [`BATCH_ENTRIES_MAX`] entries or [`BATCH_BYTES_MAX`] bytes of them, or the tree would outgrow
    /// [`TREE_SIZE_MAX`].
    pub fn append<E: AsRef<[u8]>>(&self, entries: impl IntoIterator<Item = E>) -> Result<Append, Error> {
        let mut growth =
            Growth { tree: self.clone(), bundles: Vec::new(), tiles: Vec::new(), touched: [false; 8] };
        let mut bytes = 0;
        for (number, entry) in entries.into_iter().enumerate() {
            let entry = entry.as_ref();
            bytes += entry.len();
            if number == BATCH_ENTRIES_MAX || bytes > BATCH_BYTES_MAX {
                return Err(Error::BatchLength);
            }
            growth.push_entry(entry)?;
        }
        Ok(growth.finish())
    }
}

/// A tree while a batch goes in.
struct Growth {
    tree: Tree,
    bundles: Vec<Write>,
    tiles: Vec<Write>,
    /// The levels whose partial tile is not what was written last.
    touched: [bool; LEVELS as usize],
}

impl Growth {
    fn push_entry(&mut self, entry: &[u8]) -> Result<(), Error> {
        check_size(self.tree.size + 1)?;
        push_entry(&mut self.tree.bundle, entry)?;
        let index = hashes_at(1, self.tree.size);
        self.tree.size += 1;
        if self.tree.size.is_multiple_of(u64::from(TILE_WIDTH)) {
            let bytes = std::mem::take(&mut self.tree.bundle);
            self.bundles.push(Write { path: LogPath::Entries { index, width: Width::FULL }, bytes });
        }
        self.push_hash(Hash::of_leaf(entry));
        Ok(())
    }

    /// Adds a leaf's hash, and that of each tile that becomes full to the level above it.
    fn push_hash(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for (level, edge) in (0..LEVELS).zip(&mut self.tree.edge) {
            edge.push(hash);
            self.touched[usize::from(level)] = true;
            if edge.len() < usize::from(TILE_WIDTH) {
                return;
            }
            let index = hashes_at(level + 1, self.tree.size) - 1;
            let path = LogPath::Tile { level, index, width: Width::FULL };
            self.tiles.push(Write { path, bytes: tile_bytes(edge) });
            hash = fold_full(edge);
            edge.clear();
        }
    }

    fn finish(mut self) -> Append {
        let size = self.tree.size;
        let grew = self.touched[0];
        if let Some(path) = LogPath::entries_at(hashes_at(1, size), size).filter(|_| grew) {
            self.bundles.push(Write { path, bytes: self.tree.bundle.clone() });
        }
        for path in edge_tiles(size) {
            let LogPath::Tile { level, .. } = path else { continue };
            if self.touched[usize::from(level)] {
                self.tiles.push(Write { path, bytes: tile_bytes(&self.tree.edge[usize::from(level)]) });
            }
        }
        let mut writes = self.bundles;
        writes.append(&mut self.tiles);
        Append { writes, tree: self.tree }
    }
}

/// The partial tiles of a tree, from the top down.
pub(crate) fn edge_tiles(size: u64) -> impl Iterator<Item = LogPath> {
    (0..LEVELS).rev().filter_map(move |level| {
        LogPath::tile_at(level, hashes_at(level, size) / u64::from(TILE_WIDTH), size)
    })
}

/// The root of a tree from the hashes in its partial tiles.
///
/// From the top down, each partial tile is a row of full subtrees as the bits of its width say; one
/// after the other they go from the largest to the smallest, as RFC 6962 splits a tree.
pub(crate) fn edge_root(edge: &[Vec<Hash>; LEVELS as usize]) -> Hash {
    let mut subtrees = Vec::new();
    for hashes in edge.iter().rev() {
        let mut rest = hashes.as_slice();
        while !rest.is_empty() {
            let (subtree, after) = rest.split_at(1 << rest.len().ilog2());
            subtrees.push(fold_full(subtree));
            rest = after;
        }
    }
    fold_right(subtrees.into_iter())
}

pub(crate) fn check_size(size: u64) -> Result<(), Error> {
    if size <= TREE_SIZE_MAX { Ok(()) } else { Err(Error::TreeSize) }
}

#[cfg(test)]
mod tests;
