//! In which order the files of a log are read.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    LogPath,
    path::{LEVELS, TILE_WIDTH, hashes_at},
    tree::edge_tiles,
};

/// The files that a checkpoint covers: the partial tiles from the top down, then for each bundle the full
/// tiles that begin with it, from the top down, and the bundle. Older partial files come after the file
/// that followed them.
#[derive(Debug, Clone)]
pub struct Walk {
    size: u64,
    bundle: u64,
    queue: VecDeque<LogPath>,
    /// By the full file that each is a beginning of.
    leftovers: BTreeMap<LogPath, Vec<LogPath>>,
}

impl Walk {
    pub(super) fn new(size: u64, leftovers: BTreeMap<LogPath, Vec<LogPath>>) -> Self {
        let mut walk = Self { size, bundle: 0, queue: VecDeque::new(), leftovers };
        edge_tiles(size).for_each(|path| walk.push(path));
        walk
    }

    fn push(&mut self, path: LogPath) {
        self.queue.push_back(path);
        self.queue.extend(self.leftovers.remove(&path.full()).unwrap_or_default());
    }

    fn push_bundle(&mut self) {
        let Some(bundle) = LogPath::entries_at(self.bundle, self.size) else { return };
        for level in (0..LEVELS).rev() {
            let index = hashes_at(level, self.bundle);
            let begins = self.bundle == index << (8 * u32::from(level));
            let is_full = index < hashes_at(level, self.size) / u64::from(TILE_WIDTH);
            if let Some(path) = LogPath::tile_at(level, index, self.size).filter(|_| begins && is_full) {
                self.push(path);
            }
        }
        self.push(bundle);
        self.bundle += 1;
    }
}

impl Iterator for Walk {
    type Item = LogPath;

    fn next(&mut self) -> Option<LogPath> {
        if self.queue.is_empty() {
            self.push_bundle();
        }
        self.queue.pop_front()
    }
}
