//! The durable queue: batches wait on disk until the platform has acknowledged them.
//!
//! Each lane is a sequence of append-only segment files. A batch keeps its key (epoch, lane,
//! sequence) across restarts, so that a resend is known as one. When the queue is over its limit,
//! the oldest segment of the lowest lane goes; the hole in the sequence is announced with the next
//! batch of that lane.
//!
//! Invariants, as absences: a sequence number is never given twice within an epoch; nothing here
//! reads a clock or waits for the network.

mod lane;
mod segment;
mod state;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use model::{Lane, QueueEpoch, Seq, Timestamp};
use wire::SeqRange;

use self::{lane::LaneQueue, state::State};

/// What a queue may cost, and how soon it must be on disk.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// All lanes together. Beyond it the oldest low-priority data goes.
    pub bytes_max: u64,
    /// A segment is closed beyond this; it is also what is dropped at once when the queue is full.
    pub segment_bytes: u64,
    /// Whether every batch is synced before [`Queue::append`] returns. Without it a power cut may
    /// lose what came since the last [`Queue::sync`], and the queue starts a new epoch.
    pub sync_each: bool,
}

impl Default for Options {
    /// 64 MiB hold some five days of a car that sends 180,000 samples a day at 1.5 bytes each, many
    /// times over; segments of 256 KiB make a drop about a minute of bulk data.
    fn default() -> Self {
        Self { bytes_max: 64 * 1024 * 1024, segment_bytes: 256 * 1024, sync_each: true }
    }
}

/// So many answers are noted at once: at most so many batches are sent again after a crash.
const NOTE_EVERY: u32 = 32;

/// Names a batch within this car's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub epoch: QueueEpoch,
    pub lane: Lane,
    pub seq: Seq,
}

/// A batch on its way out.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub key: Key,
    pub payload: Bytes,
    /// What was dropped in this lane and epoch right before this batch.
    pub dropped: Option<SeqRange>,
}

/// What the queue did and holds, for the report to the platform.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub batches: u64,
    pub bytes: u64,
    pub dropped_batches: u64,
    /// Records that a crash or a bad disk had damaged, found when the queue was opened.
    pub damaged_records: u64,
}

/// The state of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneCounters {
    /// The key of the next batch.
    pub next: Key,
    pub batches: u64,
    pub bytes: u64,
    /// Since the queue was opened.
    pub dropped_batches: u64,
    /// The latest of them.
    pub dropped: Option<SeqRange>,
}

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the queue in {dir}: {action}; check the disk and the folder's permissions")]
    Io { dir: PathBuf, action: &'static str, source: std::io::Error },
    #[error("a batch of {bytes} bytes is over the limit of {max} bytes")]
    TooLarge { bytes: usize, max: usize },
}

/// The queue of one car.
#[derive(Debug)]
pub struct Queue {
    dir: PathBuf,
    options: Options,
    epoch: QueueEpoch,
    lanes: [LaneQueue; 3],
    dropped_batches: u64,
    damaged_records: u64,
    /// Batches that were settled and not noted yet.
    unnoted: u32,
}

impl Queue {
    /// Opens the queue in `dir`, or makes one. `now` only makes sure that a queue whose folder was
    /// lost starts a higher epoch than the lost one.
    pub fn open(dir: &Path, options: Options, now: Timestamp) -> Result<Self, QueueError> {
        let io = |action| move |source| QueueError::Io { dir: dir.to_owned(), action, source };
        std::fs::create_dir_all(dir).map_err(io("make the folder"))?;
        let stored = State::read(dir).map_err(io("read its state"))?;
        let mut damaged_records = 0;
        let mut open = |lane: Lane| {
            let expected = stored.as_ref().map(|state| state.expected[lane.index()]);
            let opened = LaneQueue::open(dir, lane, expected).map_err(io("read its segments"))?;
            damaged_records += opened.damaged_records;
            Ok(opened.lane)
        };
        let lanes = [open(Lane::Alert)?, open(Lane::Live)?, open(Lane::Bulk)?];
        // Every number that was given is on disk when each batch was synced or the queue was closed.
        let continued =
            stored.as_ref().filter(|state| state.clean || (state.sync_each && damaged_records == 0));
        let epoch = match (&stored, continued) {
            (_, Some(state)) => state.epoch,
            (Some(state), None) => QueueEpoch(state.epoch.0.saturating_add(1).max(epoch_at(now).0)),
            (None, None) => epoch_at(now),
        };
        let dir = dir.to_owned();
        let mut queue = Self { dir, options, epoch, lanes, dropped_batches: 0, damaged_records, unnoted: 0 };
        for lane in &mut queue.lanes {
            lane.begin_epoch(epoch);
        }
        queue.write_state(false)?;
        Ok(queue)
    }

    /// The key that the next batch of a lane will have; it must be encoded into the batch.
    pub fn next_key(&self, lane: Lane) -> Key {
        Key { epoch: self.epoch, lane, seq: self.lanes[lane.index()].next_seq() }
    }

    /// Adds a batch under the lane's [`Queue::next_key`], and drops old ones if there is no room.
    pub fn append(&mut self, lane: Lane, payload: &[u8]) -> Result<Key, QueueError> {
        let max = model::limits::BATCH_BYTES_MAX;
        if payload.len() > max {
            return Err(QueueError::TooLarge { bytes: payload.len(), max });
        }
        let key = self.next_key(lane);
        let (dir, options) = (&self.dir, self.options);
        self.lanes[lane.index()]
            .append(dir, self.epoch, payload, options)
            .map_err(|source| QueueError::Io { dir: dir.clone(), action: "append a batch", source })?;
        self.make_room()?;
        Ok(key)
    }

    /// The next batch to send, by lane and within a lane in order; it is then in flight.
    pub fn next_outgoing(&mut self) -> Result<Option<Outgoing>, QueueError> {
        for lane in &mut self.lanes {
            let next = lane.next_outgoing(&self.dir).map_err(|source| QueueError::Io {
                dir: self.dir.clone(),
                action: "read a batch",
                source,
            })?;
            if next.is_some() {
                return Ok(next);
            }
        }
        Ok(None)
    }

    /// Whether [`Queue::next_outgoing`] would give a batch.
    pub fn has_outgoing(&self) -> bool {
        self.lanes.iter().any(LaneQueue::has_outgoing)
    }

    /// The platform answered: the batch is stored there, or refused for ever. Either way it goes.
    pub fn settle(&mut self, key: Key) -> Result<(), QueueError> {
        let removed = self.lanes[key.lane.index()]
            .settle(&self.dir, key)
            .map_err(|source| QueueError::Io { dir: self.dir.clone(), action: "remove a segment", source })?;
        self.unnoted += 1;
        if removed {
            self.write_state(false)?;
            self.unnoted = 0;
        } else if self.unnoted >= NOTE_EVERY {
            self.state(false).note_settled(&self.dir).map_err(self.io("note what was settled"))?;
            self.unnoted = 0;
        }
        Ok(())
    }

    /// The link is gone: what was in flight is to be sent again.
    pub fn rewind(&mut self) {
        self.lanes.iter_mut().for_each(LaneQueue::rewind);
    }

    /// Everything appended so far is on disk when this returns.
    pub fn sync(&mut self) -> Result<(), QueueError> {
        let dir = &self.dir;
        self.lanes.iter_mut().try_for_each(LaneQueue::sync).map_err(|source| QueueError::Io {
            dir: dir.clone(),
            action: "sync",
            source,
        })
    }

    /// Syncs and notes that nothing is missing, so that the next start keeps the epoch.
    pub fn close(mut self) -> Result<(), QueueError> {
        self.sync()?;
        self.write_state(true)
    }

    pub fn counters(&self) -> Counters {
        Counters {
            batches: self.lanes.iter().map(LaneQueue::len).sum(),
            bytes: self.bytes(),
            dropped_batches: self.dropped_batches,
            damaged_records: self.damaged_records,
        }
    }

    pub fn lane_counters(&self, lane: Lane) -> LaneCounters {
        let state = &self.lanes[lane.index()];
        let (dropped_batches, dropped) = state.dropped();
        LaneCounters {
            next: self.next_key(lane),
            batches: state.len(),
            bytes: state.bytes(),
            dropped_batches,
            dropped,
        }
    }

    /// Whether every batch was settled.
    pub fn is_empty(&self) -> bool {
        self.lanes.iter().all(|lane| lane.len() == 0)
    }

    fn bytes(&self) -> u64 {
        self.lanes.iter().map(LaneQueue::bytes).sum()
    }

    fn make_room(&mut self) -> Result<(), QueueError> {
        while self.bytes() > self.options.bytes_max {
            let Some(lane) = self.lanes.iter_mut().rev().find(|lane| lane.can_drop()) else { return Ok(()) };
            self.dropped_batches += lane.drop_oldest(&self.dir).map_err(|source| QueueError::Io {
                dir: self.dir.clone(),
                action: "drop a segment",
                source,
            })?;
        }
        Ok(())
    }

    fn write_state(&self, clean: bool) -> Result<(), QueueError> {
        self.state(clean).write(&self.dir).map_err(self.io("write its state"))
    }

    fn state(&self, clean: bool) -> State {
        let expected = [0, 1, 2].map(|lane: usize| self.lanes[lane].expected());
        State { epoch: self.epoch, clean, sync_each: self.options.sync_each, expected }
    }

    fn io(&self, action: &'static str) -> impl FnOnce(std::io::Error) -> QueueError {
        let dir = self.dir.clone();
        move |source| QueueError::Io { dir, action, source }
    }
}

/// Seconds since 1970: higher than the epoch of any queue that was made before.
fn epoch_at(now: Timestamp) -> QueueEpoch {
    QueueEpoch(u32::try_from(now.0 / 1_000_000).unwrap_or(0))
}

#[cfg(test)]
mod tests;
