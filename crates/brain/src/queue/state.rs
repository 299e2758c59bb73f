//! The small files beside the segments. `state` has the epoch, whether the queue was closed, and
//! what was settled then; `settled` has what was settled since, and may be lost.

use std::{fs, io, io::Write as _, path::Path};

use model::{QueueEpoch, Seq};

const STATE: &str = "state";
const SETTLED: &str = "settled";
const BYTES: usize = 4 + 1 + 3 * 12 + 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) epoch: QueueEpoch,
    pub(super) clean: bool,
    pub(super) sync_each: bool,
    /// For each lane the first number that was not settled, and its epoch. It may lag behind: then
    /// settled batches are announced as dropped once more, which the platform ignores.
    pub(super) expected: [(QueueEpoch, Seq); 3],
}

impl State {
    /// `None` when there is no state, or one that is damaged.
    pub(super) fn read(dir: &Path) -> io::Result<Option<Self>> {
        let Some(mut state) = Self::read_file(dir, STATE)? else { return Ok(None) };
        if let Some(note) = Self::read_file(dir, SETTLED)? {
            for (expected, noted) in state.expected.iter_mut().zip(note.expected) {
                *expected = noted.max(*expected);
            }
        }
        Ok(Some(state))
    }

    /// Replaces the file at once: a crash leaves the old or the new one.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        self.write_file(dir, STATE, self.clean || self.sync_each)
    }

    /// Notes what was settled. A power cut may take it back: then some batches are sent again.
    pub(super) fn note_settled(&self, dir: &Path) -> io::Result<()> {
        self.write_file(dir, SETTLED, false)
    }

    fn read_file(dir: &Path, name: &str) -> io::Result<Option<Self>> {
        match fs::read(dir.join(name)) {
            Ok(bytes) => Ok(Self::decode(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write_file(&self, dir: &Path, name: &str, sync: bool) -> io::Result<()> {
        let new = dir.join(name).with_extension("new");
        let mut file = fs::File::create(&new)?;
        file.write_all(&self.encode())?;
        if sync {
            file.sync_data()?;
        }
        fs::rename(new, dir.join(name))
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
