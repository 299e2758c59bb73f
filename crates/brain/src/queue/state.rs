//! The small files beside the segments. `state` has the epoch, whether the queue was closed, and
//! what was settled then; `settled` has what was settled since, and may be lost.

use std::{fs, io, io::Write as _, path::Path};

use model::{QueueEpoch, Seq};

const STATE: &str = "state";
const SETTLED: &str = "settled";
const BYTES: usize = 4 + 1 + 3 * 12 + 4;

/// What was made or renamed in a folder is there after a power cut.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) epoch: QueueEpoch,
    pub(super) clean: bool,
    /// Every number that was given is on disk.
    pub(super) sync_each: bool,
    /// For each lane the first number that was not answered, and its epoch. It may lag behind: then
    /// settled batches are announced as dropped once more, which the platform ignores.
    pub(super) expected: [(QueueEpoch, Seq); 3],
}

/// What the files told when the queue was opened.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// `None` when there is none, or none that can be read.
    pub(super) state: Option<State>,
    /// For each lane what was settled, by whichever file knows more.
    pub(super) expected: Option<[(QueueEpoch, Seq); 3]>,
    /// No number of a later epoch was given, as far as the files tell.
    pub(super) epoch_max: QueueEpoch,
}

impl Stored {
    pub(super) fn read(dir: &Path) -> Self {
        let (state, note) = (State::read_file(dir, STATE), State::read_file(dir, SETTLED));
        let mut this = Self::default();
        for known in state.iter().chain(&note) {
            this.epoch_max = this.epoch_max.max(known.epoch);
            let expected = this.expected.get_or_insert(known.expected);
            for (expected, known) in expected.iter_mut().zip(known.expected) {
                *expected = known.max(*expected);
            }
        }
        Self { state, ..this }
    }
}

impl State {
    /// Replaces the file at once: a crash leaves the old or the new one.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        self.write_file(dir, STATE, self.clean || self.sync_each)
    }

    /// Notes what was settled. A power cut may take it back: then some batches are sent again.
    pub(super) fn note_settled(&self, dir: &Path) -> io::Result<()> {
        self.write_file(dir, SETTLED, false)
    }

    /// A file that cannot be read is like one that is damaged: the queue begins a new epoch.
    fn read_file(dir: &Path, name: &str) -> Option<Self> {
        match fs::read(dir.join(name)) {
            Ok(bytes) => Self::decode(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(%error, name, "a file of the queue cannot be read");
                None
            }
        }
    }

    fn write_file(&self, dir: &Path, name: &str, sync: bool) -> io::Result<()> {
        let new = dir.join(name).with_extension("new");
        let mut file = fs::File::create(&new)?;
        file.write_all(&self.encode())?;
        if sync {
            file.sync_data()?;
        }
        fs::rename(new, dir.join(name))?;
        if sync { sync_dir(dir) } else { Ok(()) }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend(self.epoch.0.to_le_bytes());
        bytes.push(u8::from(self.clean) | u8::from(self.sync_each) << 1);
        for (epoch, seq) in &self.expected {
            bytes.extend(epoch.0.to_le_bytes());
            bytes.extend(seq.0.to_le_bytes());
        }
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, crc) = bytes.split_last_chunk::<4>()?;
        if content.len() + 4 != BYTES || crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let u32_at = |at: usize| content.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let u64_at = |at: usize| content.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let lane = |lane: usize| Some((QueueEpoch(u32_at(5 + 12 * lane)?), Seq(u64_at(9 + 12 * lane)?)));
        let flags = *content.get(4)?;
        Some(Self {
            epoch: QueueEpoch(u32_at(0)?),
            clean: flags & 1 != 0,
            sync_each: flags & 2 != 0,
            expected: [lane(0)?, lane(1)?, lane(2)?],
        })
    }
}
