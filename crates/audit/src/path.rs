//! Where a log's files stand: the paths of [tlog-tiles](https://c2sp.org/tlog-tiles).

use std::{fmt, str::FromStr};

use crate::{Error, Hash, bundle::ENTRY_BYTES_MAX, note::NOTE_BYTES_MAX};

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Entries in a tree at most, as in Go's checksum database: what fits a signed 64-bit number.
pub const TREE_SIZE_MAX: u64 = (1 << 63) - 1;

/// Levels of tiles that a tree of [`TREE_SIZE_MAX`] entries has: 256^8 is 2^64.
pub(crate) const LEVELS: u8 = 8;

/// The longest path has a level of two digits, seven groups of digits and a width.
const PATH_BYTES_MAX: usize = 64;

/// How much of a tile or bundle there is: 1 to 256 hashes or entries. Less than 256 is partial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Width(u16);

impl Width {
    pub const FULL: Self = Self(TILE_WIDTH);

    /// Nothing for what is no width.
    pub fn new(width: u16) -> Option<Self> {
        (1..=TILE_WIDTH).contains(&width).then_some(Self(width))
    }

    pub fn get(self) -> u16 {
        self.0
    }

    pub fn is_full(self) -> bool {
        self == Self::FULL
    }
}

/// A file of a log. Its [`Display`](fmt::Display) is its path below the log's prefix.
///
/// Sorted by kind, then from the leaves up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogPath {
    /// `checkpoint`: the newest signed tree head; the only file that changes.
    Checkpoint,
    /// `tile/entries/<N>[.p/<W>]`: entries 256 N to 256 N + W - 1, each behind its length.
    Entries { index: u64, width: Width },
    /// `tile/<L>/<N>[.p/<W>]`: at level 0 the hashes of leaves, above it those of full tiles below.
    Tile { level: u8, index: u64, width: Width },
}

impl LogPath {
    /// The same file when it has become full; read it when the partial one was cleared away.
    #[must_use]
    pub fn full(self) -> Self {
        self.with_width(Width::FULL)
    }

    pub(crate) fn with_width(self, width: Width) -> Self {
        match self {
            Self::Checkpoint => self,
            Self::Entries { index, .. } => Self::Entries { index, width },
            Self::Tile { level, index, .. } => Self::Tile { level, index, width },
        }
    }

    pub(crate) fn width(self) -> Option<Width> {
        match self {
            Self::Checkpoint => None,
            Self::Entries { width, .. } | Self::Tile { width, .. } => Some(width),
        }
    }

    /// Bytes of the file at most; whoever reads it from elsewhere stops there.
    pub fn bytes_max(self) -> usize {
        match self {
            Self::Checkpoint => NOTE_BYTES_MAX,
            Self::Entries { width, .. } => usize::from(width.get()) * (2 + ENTRY_BYTES_MAX),
            Self::Tile { width, .. } => usize::from(width.get()) * Hash::BYTES,
        }
    }

    /// Whether a log of `size` may have the file: it is one that the checkpoint covers, or an older, partial
    /// form of one. What is not within was left by a batch that no checkpoint followed; clear it away
    /// before the next batch.
    pub fn is_within(self, size: u64) -> bool {
        match self {
            Self::Checkpoint => true,
            Self::Entries { .. } | Self::Tile { .. } => {
                self.current(size).is_some_and(|current| self <= current)
            }
        }
    }

    /// The form that the file has in a log of `size`; nothing beyond its end.
    pub(crate) fn current(self, size: u64) -> Option<Self> {
        match self {
            Self::Checkpoint => Some(self),
            Self::Entries { index, .. } => Self::entries_at(index, size),
            Self::Tile { level, index, .. } => Self::tile_at(level, index, size),
        }
    }

    /// The bundle that holds the entry at `index` (from 0) in a log of `size`; nothing beyond its end. The
    /// entry is number `index % 256` in it.
    pub fn entries_holding(index: u64, size: u64) -> Option<Self> {
        Self::entries_at(index / u64::from(TILE_WIDTH), size).filter(|_| index < size)
    }

    /// The bundle that a tree of `size` has at `index`; nothing beyond its end.
    pub(crate) fn entries_at(index: u64, size: u64) -> Option<Self> {
        width_at(0, index, size).map(|width| Self::Entries { index, width })
    }

    /// The tile that a tree of `size` has at `level` and `index`; nothing beyond its end.
    pub(crate) fn tile_at(level: u8, index: u64, size: u64) -> Option<Self> {
        width_at(level, index, size).map(|width| Self::Tile { level, index, width })
    }
}

/// How many hashes of a level a tree of `size` has.
pub(crate) fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

fn width_at(level: u8, index: u64, size: u64) -> Option<Width> {
    let start = index.checked_mul(u64::from(TILE_WIDTH))?;
    let left = hashes_at(level, size).checked_sub(start)?;
    Width::new(u16::try_from(left).unwrap_or(TILE_WIDTH).min(TILE_WIDTH))
}

impl fmt::Display for LogPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match self {
            Self::Checkpoint => return f.write_str("checkpoint"),
            Self::Entries { index, width } => {
                f.write_str("tile/entries/")?;
                (index, width)
            }
            Self::Tile { level, index, width } => {
                write!(f, "tile/{level}/")?;
                (index, width)
            }
        };
        write_index(f, *index)?;
        if width.is_full() { Ok(()) } else { write!(f, ".p/{}", width.0) }
    }
}

/// Three digits a folder, all but the last behind an `x`.
fn write_index(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    let mut groups = [0; 7];
    let (mut rest, mut first) = (index, groups.len());
    while first == groups.len() || rest > 0 {
        first -= 1;
        groups[first] = rest % 1_000;
        rest /= 1_000;
    }
    let last = groups.len() - 1;
    groups[first..last].iter().try_for_each(|group| write!(f, "x{group:03}/"))?;
    write!(f, "{:03}", groups[last])
}

impl FromStr for LogPath {
    type Err = Error;

    /// Takes the one spelling of a path, and nothing else.
    fn from_str(text: &str) -> Result<Self, Error> {
        let path = (text.len() <= PATH_BYTES_MAX).then(|| parse(text)).flatten().ok_or(Error::Path)?;
        // Signs, leading zeros and groups of zeros parse as numbers, but name no file.
        if path.to_string() == text { Ok(path) } else { Err(Error::Path) }
    }
}

fn parse(text: &str) -> Option<LogPath> {
    if text == "checkpoint" {
        return Some(LogPath::Checkpoint);
    }
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, Width::new(width.parse().ok()?).filter(|width| !width.is_full())?),
        None => (rest, Width::FULL),
    };
    let index = index.split('/').try_fold(0_u64, |index, group| {
        let digits: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
        index.checked_mul(1_000)?.checked_add(digits)
    })?;
    if kind == "entries" {
        return Some(LogPath::Entries { index, width });
    }
    let level = kind.parse().ok().filter(|level| *level <= 63)?;
    Some(LogPath::Tile { level, index, width })
}

#[cfg(test)]
mod tests;
