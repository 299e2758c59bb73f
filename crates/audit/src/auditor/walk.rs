//! In which order the files of a log are read.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    LogPath,
    path::{LEVELS, TILE_WIDTH, Width, hashes_at},
    tree::edge_tiles,
};

/// Files whose older forms are compared at most, at some 70 bytes each: a log of 67 million entries has
/// as many bundles and tiles.
pub const OLDER_FORMS_MAX: usize = 1 << 19;

/// The files that a checkpoint covers: the partial tiles from the top down, then for each bundle the full
/// tiles that begin with it, from the top down, and the bundle. Older partial files come after the file
/// that followed them.
#[derive(Debug, Clone)]
pub struct Walk {
    size: u64,
    bundle: u64,
    queue: VecDeque<LogPath>,
    older: OlderForms,
}

/// The widths that partial files had once: 256 bits for each file, by the full one that they begin.
#[derive(Debug, Clone, Default)]
pub(super) struct OlderForms(BTreeMap<LogPath, [u64; 4]>);

impl OlderForms {
    /// False when there is no room for another file. One that is there twice counts once.
    pub(super) fn insert(&mut self, path: LogPath) -> bool {
        let Some(width) = path.width() else { return false };
        if self.0.len() == OLDER_FORMS_MAX && !self.0.contains_key(&path.full()) {
            return false;
        }
        let widths = self.0.entry(path.full()).or_default();
        let bit = usize::from(width.get() - 1);
        widths[bit / 64] |= 1 << (bit % 64);
        true
    }

    /// From the narrowest to the widest.
    fn take(&mut self, full: LogPath) -> impl Iterator<Item = LogPath> + use<> {
        let widths = self.0.remove(&full).unwrap_or_default();
        let is_there = move |width: &u16| {
            let bit = usize::from(width - 1);
            widths[bit / 64] & 1 << (bit % 64) != 0
        };
        (1..=TILE_WIDTH).filter(is_there).filter_map(Width::new).map(move |width| full.with_width(width))
    }
}

impl Walk {
    pub(super) fn new(size: u64, older: OlderForms) -> Self {
        let mut walk = Self { size, bundle: 0, queue: VecDeque::new(), older };
        edge_tiles(size).for_each(|path| walk.push(path));
        walk
    }

    fn push(&mut self, path: LogPath) {
        self.queue.push_back(path);
        self.queue.extend(self.older.take(path.full()));
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
