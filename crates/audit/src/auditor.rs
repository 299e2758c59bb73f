//! Verification of a whole log: every entry, every tile, one checkpoint.
//!
//! The auditor says which file it needs next and is given its bytes; it reads each once, keeps at most
//! two tiles a level, one file more where older forms of it are compared with it, and which older forms
//! there are. It judges from the signed root downwards. What the root vouches for is right; what differs
//! from it is located to the entry, or to the hash within a tile.

use crate::{
    Error, Event, Hash, LogPath, TreeHead,
    bundle::{split_entries, tile_hashes},
    hash::fold_full,
    path::{LEVELS, TILE_WIDTH, Width, hashes_at},
    tree::{check_size, edge_root},
};

mod report;
mod walk;

pub use report::{FINDINGS_MAX, Finding, Report};
pub use walk::{OLDER_FORMS_MAX, Walk};

use walk::OlderForms;

/// Verifies a log against one checkpoint.
///
/// ```text
/// let mut auditor = Auditor::new(checkpoint.head())?;
/// while let Some(path) = auditor.poll_read() {
///     auditor.handle_read(read(path))?;
/// }
/// let report = auditor.finish()?;
/// ```
#[derive(Debug)]
pub struct Auditor {
    head: TreeHead,
    walk: Walk,
    awaited: Option<LogPath>,
    /// The partial tiles, one a level at most; all are read first.
    edge: [Option<Frame>; LEVELS as usize],
    is_edge_judged: bool,
    /// The full tiles whose entries are being read, one a level at most.
    open: [Option<Frame>; LEVELS as usize],
    /// What was read last, while older forms of it follow that are compared with it.
    compared: Option<(LogPath, Option<Vec<u8>>)>,
    report: Report,
}

/// A tile while what is below it is read.
#[derive(Debug)]
struct Frame {
    path: LogPath,
    /// Nothing when it is missing or has the wrong length.
    stored: Option<Vec<Hash>>,
    /// What the tile above it says; nothing when that one is not to be trusted.
    expected: Option<Hash>,
    /// Whether the root vouches for `stored`.
    is_authentic: bool,
    /// The hashes from below; kept only when the tile itself is not authentic.
    below: Vec<Option<Hash>>,
    children: u16,
}

impl Auditor {
    /// For the head of a checkpoint whose signatures were verified.
    pub fn new(head: TreeHead) -> Result<Self, Error> {
        check_size(head.size)?;
        Ok(Self::start(head, Walk::new(head.size, OlderForms::default()), Report::new(head)))
    }

    /// As [`Auditor::new`], for a log whose files can be listed: older partial files are compared with
    /// those that followed them, and files that the checkpoint does not cover are reported. What finds no
    /// room is counted in [`Report::omitted`].
    ///
    /// The paths are relative to the log's prefix.
    pub fn with_listing<P: AsRef<str>>(
        head: TreeHead,
        listing: impl IntoIterator<Item = P>,
    ) -> Result<Self, Error> {
        check_size(head.size)?;
        let mut report = Report::new(head);
        let mut older = OlderForms::default();
        for text in listing {
            let text = text.as_ref();
            let Ok(path) = text.parse::<LogPath>() else {
                report.add_foreign(text);
                continue;
            };
            if !path.is_within(head.size) {
                report.add_beyond(path);
            } else if path.current(head.size) != Some(path) && !older.insert(path) {
                report.omitted += 1;
            }
        }
        Ok(Self::start(head, Walk::new(head.size, older), report))
    }

    /// The file to read next; nothing when all were read.
    pub fn poll_read(&self) -> Option<LogPath> {
        self.awaited
    }

    /// The files that come after it, for a shell that reads ahead. The order depends on the size of the
    /// log alone.
    pub fn reads_ahead(&self) -> Walk {
        self.walk.clone()
    }

    /// Takes the file of [`Auditor::poll_read`]; nothing when it does not exist.
    ///
    /// Fails only when no file is awaited. What is wrong with the file goes into the report.
    pub fn handle_read(&mut self, bytes: Option<&[u8]>) -> Result<(), Error> {
        let path = self.awaited.take().ok_or(Error::NothingToRead)?;
        self.awaited = self.walk.next();
        self.report.files += 1;
        if let Some((current, whole)) =
            self.compared.as_ref().filter(|(current, _)| current.full() == path.full())
        {
            let intact = whole.as_deref().is_none_or(|whole| bytes == Some(start_of(path, whole)));
            if !intact {
                self.report.add(Finding::Leftover { path, current: *current });
            }
            return Ok(());
        }
        let is_followed = self.awaited.is_some_and(|next| next.full() == path.full());
        self.compared = is_followed.then(|| (path, bytes.map(<[u8]>::to_vec)));
        if bytes.is_none() {
            self.report.add(Finding::Missing { path });
        }
        match path {
            LogPath::Checkpoint => {}
            LogPath::Tile { level, index, width } => self.handle_tile(path, (level, index, width), bytes),
            LogPath::Entries { index, width } => {
                self.judge_edge();
                self.handle_entries(path, index, width, bytes);
            }
        }
        Ok(())
    }

    /// What was found. Fails when files are still to be read.
    pub fn finish(mut self) -> Result<Report, Error> {
        if let Some(path) = self.awaited {
            return Err(Error::Missing { path });
        }
        self.judge_edge();
        let frames: Vec<&Frame> = self.edge.iter().flatten().collect();
        if frames.iter().all(|frame| frame.is_authentic) && self.head.size > 0 {
            return Ok(self.report);
        }
        let below = self.edge.each_ref().map(|frame| {
            frame.as_ref().map_or(Some(Vec::new()), |frame| frame.below.iter().copied().collect())
        });
        let computed = all_of(below).map(|below| edge_root(&below));
        let is_proven = computed == Some(self.head.root);
        if !is_proven {
            self.report.add(Finding::Root { computed, signed: self.head.root });
        }
        for frame in self.edge.iter().flatten().rev() {
            let Some((hash, hashes)) = frame.differences() else { continue };
            self.report.add(if is_proven {
                Finding::Tile { path: frame.path, hash, hashes }
            } else {
                Finding::Disagreement { path: frame.path, hash, hashes }
            });
        }
        Ok(self.report)
    }

    fn start(head: TreeHead, mut walk: Walk, report: Report) -> Self {
        Self {
            head,
            awaited: walk.next(),
            walk,
            edge: Default::default(),
            is_edge_judged: false,
            open: Default::default(),
            compared: None,
            report,
        }
    }

    fn handle_tile(&mut self, path: LogPath, place: (u8, u64, Width), bytes: Option<&[u8]>) {
        let (level, index, width) = place;
        let stored = bytes.and_then(|bytes| tile_hashes(bytes, width));
        if let (None, Some(bytes)) = (&stored, bytes) {
            let wanted = usize::from(width.get()) * Hash::BYTES;
            self.report.add(Finding::Length { path, bytes: bytes.len(), wanted });
        }
        let mut frame =
            Frame { path, stored, expected: None, is_authentic: false, below: Vec::new(), children: 0 };
        if !width.is_full() {
            self.edge[usize::from(level)] = Some(frame);
            return;
        }
        self.judge_edge();
        frame.expected = self.parent_of(level, index).and_then(|parent| parent.vouched(index));
        let root = frame.stored.as_deref().map(fold_full);
        frame.is_authentic = root.is_some() && root == frame.expected;
        self.open[usize::from(level)] = Some(frame);
    }

    /// Once all partial tiles are read, the signed root vouches for all of them or for none.
    fn judge_edge(&mut self) {
        if self.is_edge_judged {
            return;
        }
        self.is_edge_judged = true;
        let stored = self
            .edge
            .each_ref()
            .map(|frame| frame.as_ref().map_or_else(|| Some(Vec::new()), |frame| frame.stored.clone()));
        let is_authentic = all_of(stored).is_some_and(|stored| edge_root(&stored) == self.head.root);
        for frame in self.edge.iter_mut().flatten() {
            frame.is_authentic = is_authentic;
        }
    }

    fn handle_entries(&mut self, path: LogPath, index: u64, width: Width, bytes: Option<&[u8]>) {
        let (entries, rest) = split_entries(bytes.unwrap_or_default(), width);
        let mut leaves: Vec<Option<Hash>> = entries.iter().map(|entry| Some(Hash::of_leaf(entry))).collect();
        leaves.resize(usize::from(width.get()), None);
        self.report.entries += entries.len() as u64;
        let unreadable = entries.iter().filter(|entry| Event::decode(entry).is_err()).count();
        self.report.entries_unreadable += unreadable as u64;
        let frame = frame_mut(&mut self.open, &mut self.edge, 0, index, self.head.size);
        let vouched = frame.as_ref().and_then(|frame| frame.stored.as_deref().filter(|_| frame.is_authentic));
        let wrong = vouched.and_then(|stored| differences(stored, &leaves));
        let is_vouched = vouched.is_some();
        if let Some(frame) = frame.filter(|_| !is_vouched) {
            frame.below = leaves;
        }
        if let (Some((first, entries)), Some(_)) = (wrong, bytes) {
            let first = index * u64::from(TILE_WIDTH) + u64::from(first);
            self.report.add(Finding::Entry { path, index: first, entries });
        } else if !rest.is_empty() {
            self.report.add(Finding::Trailing { path, bytes: rest.len() });
        } else if bytes.is_some() && entries.len() < usize::from(width.get()) {
            self.report.add(Finding::Cut { path, entries: entries.len(), wanted: width.get() });
        }
        self.close(index);
    }

    /// Judges the full tiles that end with a bundle, and tells the tiles above them.
    fn close(&mut self, bundle: u64) {
        let mut index = bundle;
        for level in 0..LEVELS {
            let Some(frame) = self.open[usize::from(level)].take() else { return };
            let hash = self.judge(&frame);
            let Some(parent) = self.parent_of(level, index) else { return };
            parent.children += 1;
            if !parent.is_authentic {
                parent.below.push(hash);
            }
            let is_whole = parent.children == TILE_WIDTH;
            index /= u64::from(TILE_WIDTH);
            if !is_whole {
                return;
            }
        }
    }

    /// The hash that counts for the tile above.
    fn judge(&mut self, frame: &Frame) -> Option<Hash> {
        if frame.is_authentic {
            return frame.expected;
        }
        let below: Option<Vec<Hash>> = frame.below.iter().copied().collect();
        let computed = below.map(|below| fold_full(&below));
        let path = frame.path;
        match (frame.expected, frame.differences()) {
            // All below it is as the root says, so that only the tile itself can be wrong.
            (Some(expected), Some((hash, hashes))) if computed == Some(expected) => {
                self.report.add(Finding::Tile { path, hash, hashes });
            }
            (Some(expected), _) if computed == Some(expected) => {}
            (Some(_), _) => self.report.add(Finding::Unproven { path }),
            (None, Some((hash, hashes))) => self.report.add(Finding::Disagreement { path, hash, hashes }),
            (None, None) => {}
        }
        frame.expected.or(computed)
    }

    fn parent_of(&mut self, level: u8, index: u64) -> Option<&mut Frame> {
        let above = index / u64::from(TILE_WIDTH);
        frame_mut(&mut self.open, &mut self.edge, level + 1, above, self.head.size)
    }
}

impl Frame {
    /// What the tile says of its child, if the root vouches for it.
    fn vouched(&self, child: u64) -> Option<Hash> {
        let slot = usize::try_from(child % u64::from(TILE_WIDTH)).ok()?;
        self.stored.as_ref().filter(|_| self.is_authentic)?.get(slot).copied()
    }

    /// The first hash that differs from what is below it, and how many do.
    fn differences(&self) -> Option<(u16, u16)> {
        differences(self.stored.as_deref()?, &self.below)
    }
}

fn differences(stored: &[Hash], below: &[Option<Hash>]) -> Option<(u16, u16)> {
    let wrong = stored.iter().zip(below).enumerate().filter(|(_, (stored, below))| Some(**stored) != **below);
    let mut wrong = wrong.filter_map(|(slot, _)| u16::try_from(slot).ok());
    let first = wrong.next()?;
    Some((first, u16::try_from(wrong.count() + 1).unwrap_or(TILE_WIDTH)))
}

/// The tile at a level and index: open while it is full, at the edge when it is partial.
fn frame_mut<'a>(
    open: &'a mut [Option<Frame>; LEVELS as usize],
    edge: &'a mut [Option<Frame>; LEVELS as usize],
    level: u8,
    index: u64,
    size: u64,
) -> Option<&'a mut Frame> {
    let is_full = index < hashes_at(level, size) / u64::from(TILE_WIDTH);
    let frames = if is_full { open } else { edge };
    frames.get_mut(usize::from(level))?.as_mut()
}

/// What an older, narrower file must have been, when the file that followed it is right.
fn start_of(path: LogPath, whole: &[u8]) -> &[u8] {
    let len = match path {
        LogPath::Checkpoint => 0,
        LogPath::Tile { width, .. } => usize::from(width.get()) * Hash::BYTES,
        LogPath::Entries { width, .. } => whole.len() - split_entries(whole, width).1.len(),
    };
    whole.get(..len).unwrap_or(whole)
}

fn all_of<const N: usize>(parts: [Option<Vec<Hash>>; N]) -> Option<[Vec<Hash>; N]> {
    parts.iter().all(Option::is_some).then(|| parts.map(Option::unwrap_or_default))
}

#[cfg(test)]
mod tests;
