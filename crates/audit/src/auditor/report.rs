//! What an audit of a log found.

use std::fmt;

use crate::{Hash, LogPath, TreeHead};

/// Findings that a report lists; a log that was lost altogether has one for each file.
pub const FINDINGS_MAX: usize = 1_000;

/// Characters that a report keeps of a path that is none of a log's; enough to find the file.
const FOREIGN_CHARS_MAX: usize = 256;

/// What a log looks like beside its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What was verified against.
    pub head: TreeHead,
    /// Files that were read.
    pub files: u64,
    /// Entries that were read and hashed.
    pub entries: u64,
    /// Entries that this program cannot read: of a newer version, or not of Marque. No damage.
    pub entries_unreadable: u64,
    /// In the order of reading; at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// What found no room in one of the lists, and older partial files that were not compared since there
    /// are such of more than [`OLDER_FORMS_MAX`](crate::OLDER_FORMS_MAX) files.
    pub omitted: u64,
    /// Files of the log that the checkpoint does not cover, at most [`FINDINGS_MAX`]. A crash before a
    /// checkpoint leaves them, and so does whoever puts an old checkpoint back: compare with one that you
    /// kept ([`follow`](crate::follow())).
    pub beyond: Vec<LogPath>,
    /// Files that are none of a log's, at most [`FINDINGS_MAX`].
    pub foreign: Vec<String>,
}

/// Something that is not as the log signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A file is not there.
    Missing { path: LogPath },
    /// A tile is cut short or goes on after its last hash.
    Length { path: LogPath, bytes: usize, wanted: usize },
    /// A bundle goes on after its last entry, or its last entry is cut.
    Trailing { path: LogPath, bytes: usize },
    /// A bundle ends before its last entry.
    Cut { path: LogPath, entries: usize, wanted: u16 },
    /// Entries are not those that were logged: `entries` of the bundle, from the log's entry `index` on.
    Entry { path: LogPath, index: u64, entries: u16 },
    /// Hashes of a tile are wrong, while all below them is right: `hashes` of them, from `hash` on. The
    /// tile can be made anew.
    Tile { path: LogPath, hash: u16, hashes: u16 },
    /// Neither the tile nor what is below it is what the tile above it stands for.
    Unproven { path: LogPath },
    /// A tile and what is below it differ, and nothing tells which of them is right.
    Disagreement { path: LogPath, hash: u16, hashes: u16 },
    /// Neither tiles nor entries lead to the signed root: the log was rewritten, or the checkpoint is
    /// another log's. Nothing is computed when entries are missing.
    Root { computed: Option<Hash>, signed: Hash },
    /// An older partial file is not the beginning of the file that followed it. A checkpoint of its time
    /// covered it, unless a crash left it and nobody cleared it away ([`LogPath::is_within`]).
    Leftover { path: LogPath, current: LogPath },
}

impl Report {
    /// Whether every byte that the checkpoint covers is as it was signed.
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn new(head: TreeHead) -> Self {
        Self {
            head,
            files: 0,
            entries: 0,
            entries_unreadable: 0,
            findings: Vec::new(),
            omitted: 0,
            beyond: Vec::new(),
            foreign: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.omitted += 1;
        }
    }

    pub(super) fn add_beyond(&mut self, path: LogPath) {
        if self.beyond.len() < FINDINGS_MAX {
            self.beyond.push(path);
        } else {
            self.omitted += 1;
        }
    }

    pub(super) fn add_foreign(&mut self, path: &str) {
        if self.foreign.len() < FINDINGS_MAX {
            self.foreign.push(path.chars().take(FOREIGN_CHARS_MAX).collect());
        } else {
            self.omitted += 1;
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "{path}: missing"),
            Self::Length { path, bytes, wanted } => write!(f, "{path}: {bytes} bytes instead of {wanted}"),
            Self::Trailing { path, bytes } => write!(f, "{path}: {bytes} bytes after the last whole entry"),
            Self::Cut { path, entries, wanted } => write!(f, "{path}: {entries} entries instead of {wanted}"),
            Self::Entry { path, index, entries: 1 } => {
                write!(f, "{path}: entry {index} is not what was logged")
            }
            Self::Entry { path, index, entries } => {
                write!(f, "{path}: {entries} entries, from {index} on, are not what was logged")
            }
            Self::Tile { path, hash, hashes } => {
                write!(f, "{path}: {hashes} wrong hashes, from {hash} on; what is below them is right")
            }
            Self::Unproven { path } => {
                write!(f, "{path}: neither it nor what is below it is what the tile above it stands for")
            }
            Self::Disagreement { path, hash, hashes } => {
                write!(f, "{path}: {hashes} hashes, from {hash} on, differ from what is below them")
            }
            Self::Root { computed: Some(computed), signed } => {
                write!(f, "checkpoint: the root {signed} was signed, the log's is {computed}")
            }
            Self::Root { computed: None, signed } => {
                write!(f, "checkpoint: nothing that is there leads to the signed root {signed}")
            }
            Self::Leftover { path, current } => write!(f, "{path}: not the beginning of {current}"),
        }
    }
}
