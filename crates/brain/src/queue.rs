//! The durable queue: batches wait on disk until the platform has acknowledged them.
//!
//! Each lane is a sequence of append-only segment files. A batch keeps its key (epoch, lane,
//! sequence) across restarts, so that a resend is known as one. When the queue is over its limit,
//! the oldest segment of the lowest lane goes; the hole in the sequence is announced with the next
//! batch of that lane.
//!
//! A disk that fails costs the batches that it cannot take or give, never the car: they are counted,
//! their numbers are announced as missing, and the queue tries again with the next batch.
//!
//! Invariants, as absences: a sequence number never leaves twice within an epoch; nothing here
//! reads a clock or waits for the network.

mod lane;
mod segment;
mod state;

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use model::{Lane, QueueEpoch, Seq, Timestamp};
use wire::SeqRange;

use self::{
    lane::LaneQueue,
    state::{State, Stored},
};
pub(crate) use state::sync_dir;

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
    /// An epoch that is begun is at least this: what the platform has of a queue that was lost.
    pub epoch_min: QueueEpoch,
}

impl Default for Options {
    /// 64 MiB hold some five days of a car that sends 180,000 samples a day at 1.5 bytes each, many
    /// times over; segments of 256 KiB make a drop about a minute of bulk data.
    fn default() -> Self {
        let epoch_min = QueueEpoch(0);
        Self { bytes_max: 64 * 1024 * 1024, segment_bytes: 256 * 1024, sync_each: true, epoch_min }
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
    /// Records that a crash or a bad disk had damaged.
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
    #[error("the car's clock has not been set; a new queue waits for that")]
    ClockNotSet,
    #[error("a batch of {bytes} bytes is over the limit of {max} bytes")]
    TooLarge { bytes: usize, max: usize },
}

/// The queue of one car.
#[derive(Debug)]
pub struct Queue {
    dir: PathBuf,
    options: Options,
    epoch: Option<QueueEpoch>,
    lanes: [LaneQueue; 3],
    dropped_batches: u64,
    damaged_records: u64,
    /// Batches that were settled and not noted yet.
    unnoted: u32,
    /// The state on disk says that the queue is open, so that numbers may be given.
    begun: bool,
    /// A sync failed: what is on disk is not known, and the next start begins a new epoch.
    unsure: bool,
}

impl Queue {
    /// Opens the queue in `dir`, or makes one. What the disk cannot give is counted and left out.
    ///
    /// `now` makes sure that a queue whose folder was lost starts a higher epoch than the lost one.
    /// Without a plausible time a new queue waits for [`Queue::begin`].
    pub fn open(dir: &Path, options: Options, now: Timestamp) -> Self {
        let stored = Stored::read(dir);
        let mut damaged_records = 0;
        let mut epoch_max = stored.epoch_max;
        let lanes = Lane::ALL.map(|lane| {
            let opened = LaneQueue::open(dir, lane, stored.expected.map(|lanes| lanes[lane.index()]));
            damaged_records += opened.damaged_records;
            epoch_max = epoch_max.max(opened.lane.epoch_max());
            opened.lane
        });
        // Every number that left is on disk when each batch was synced or the queue was closed, and
        // nothing is damaged now.
        let whole = stored.state.as_ref().filter(|state| state.clean || state.sync_each);
        let continued = whole.filter(|_| damaged_records == 0).map(|state| state.epoch);
        let is_new = epoch_max == QueueEpoch(0);
        let next = if is_new { None } else { Some(QueueEpoch(epoch_max.0.saturating_add(1))) };
        let continued = continued.filter(|epoch| *epoch >= options.epoch_min);
        let epoch = continued.or_else(|| next.max(epoch_at(now)).map(|epoch| epoch.max(options.epoch_min)));
        let dir = dir.to_owned();
        let mut queue = Self {
            dir,
            options,
            epoch: None,
            lanes,
            dropped_batches: 0,
            damaged_records,
            unnoted: 0,
            begun: false,
            unsure: false,
        };
        queue.begin_epoch(epoch);
        queue
    }

    /// Gives a new queue its epoch, once the clock has been set.
    pub fn begin(&mut self, now: Timestamp) {
        if self.epoch.is_none() {
            self.begin_epoch(epoch_at(now).map(|epoch| epoch.max(self.options.epoch_min)));
        }
    }

    fn begin_epoch(&mut self, epoch: Option<QueueEpoch>) {
        self.epoch = epoch;
        let Some(epoch) = epoch else { return };
        for lane in &mut self.lanes {
            lane.begin_epoch(epoch);
        }
        if let Err(error) = self.ensure_begun() {
            tracing::error!(%error, "the queue cannot be written; nothing is kept until it can");
        }
    }

    /// The key that the next batch of a lane will have; it must be encoded into the batch.
    pub fn next_key(&self, lane: Lane) -> Key {
        let epoch = self.epoch.unwrap_or(QueueEpoch(0));
        Key { epoch, lane, seq: self.lanes[lane.index()].next_seq() }
    }

    /// Adds a batch under the lane's [`Queue::next_key`], and drops old ones if there is no room. An
    /// error means that it is lost: its number is gone, and the next batch tells of the hole.
    pub fn append(&mut self, lane: Lane, payload: &[u8]) -> Result<Key, QueueError> {
        let max = model::limits::BATCH_BYTES_MAX;
        let Some(epoch) = self.epoch else { return Err(QueueError::ClockNotSet) };
        let key = self.next_key(lane);
        let appended = if payload.len() > max {
            Err(QueueError::TooLarge { bytes: payload.len(), max })
        } else {
            self.ensure_begun().and_then(|()| self.append_with_room(lane, epoch, payload))
        };
        if let Err(error) = appended {
            self.lanes[lane.index()].lose();
            self.dropped_batches += 1;
            return Err(error);
        }
        if self.options.sync_each
            && let Err(error) = self.lanes[lane.index()].sync()
        {
            self.doubt(&error);
        }
        self.make_room();
        Ok(key)
    }

    /// The next batch to send, by lane and within a lane in order; it is then in flight.
    pub fn next_outgoing(&mut self) -> Option<Outgoing> {
        let mut unreadable = 0;
        let dir = &self.dir;
        let next = self.lanes.iter_mut().find_map(|lane| lane.next_outgoing(dir, &mut unreadable));
        self.damaged_records += unreadable;
        next
    }

    /// Whether [`Queue::next_outgoing`] would look at a batch.
    pub fn has_outgoing(&self) -> bool {
        self.lanes.iter().any(LaneQueue::has_outgoing)
    }

    /// The platform answered: the batch is stored there, or refused for ever. Either way it goes.
    pub fn settle(&mut self, key: Key) {
        let removed = self.lanes[key.lane.index()].settle(&self.dir, key);
        self.note(removed);
    }

    /// The batch that [`Queue::next_outgoing`] gave last must not leave. It goes, and the next batch
    /// of its lane that leaves tells of the hole, after a restart too.
    pub fn withdraw(&mut self, key: Key) {
        let removed = self.lanes[key.lane.index()].withdraw(&self.dir, key);
        self.note(removed);
    }

    /// The link is gone: what was in flight is to be sent again.
    pub fn rewind(&mut self) {
        self.lanes.iter_mut().for_each(LaneQueue::rewind);
    }

    /// Everything appended so far is on disk when this returns.
    pub fn sync(&mut self) -> Result<(), QueueError> {
        self.lanes.iter_mut().try_for_each(LaneQueue::sync).map_err(self.io("sync"))
    }

    /// Syncs and notes that nothing is missing, so that the next start keeps the epoch.
    pub fn close(mut self) -> Result<(), QueueError> {
        if self.epoch.is_none() {
            return Ok(());
        }
        let synced = self.sync();
        self.unsure |= synced.is_err();
        self.write_state(!self.unsure)?;
        synced
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

    /// The state on disk must say that the queue is open before a number is given.
    fn ensure_begun(&mut self) -> Result<(), QueueError> {
        if !self.begun {
            std::fs::create_dir_all(&self.dir).map_err(self.io("make the folder"))?;
            self.write_state(false)?;
            self.begun = true;
        }
        Ok(())
    }

    fn append_with_room(&mut self, lane: Lane, epoch: QueueEpoch, payload: &[u8]) -> Result<(), QueueError> {
        loop {
            let result = self.lanes[lane.index()].append(&self.dir, epoch, payload, self.options);
            let Err(error) = result else { return Ok(()) };
            if !is_full(&error) || !self.drop_for(lane) {
                return Err(self.io("append a batch")(error));
            }
        }
    }

    /// The disk is full: the oldest segment of the lowest lane goes, down to the lane that needs the
    /// room. A lower lane gives the segment that it writes, too.
    fn drop_for(&mut self, lane: Lane) -> bool {
        let lower = self.lanes.iter().rposition(LaneQueue::has_segments).filter(|last| *last > lane.index());
        let own = Some(lane.index()).filter(|own| self.lanes[*own].can_drop());
        let Some(from) = lower.or(own) else { return false };
        self.drop_oldest_of(from)
    }

    fn make_room(&mut self) {
        while self.bytes() > self.options.bytes_max {
            let Some(from) = self.lanes.iter().rposition(LaneQueue::can_drop) else { return };
            if !self.drop_oldest_of(from) {
                return;
            }
        }
    }

    fn drop_oldest_of(&mut self, lane: usize) -> bool {
        match self.lanes[lane].drop_oldest(&self.dir) {
            Ok(dropped) => {
                self.dropped_batches += dropped;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a full queue cannot drop its oldest segment");
                false
            }
        }
    }

    /// What the platform answered is noted now and then. Without the note it is sent again.
    fn note(&mut self, removed: bool) {
        self.unnoted += 1;
        let noted = if removed {
            self.write_state(false)
        } else if self.unnoted >= NOTE_EVERY {
            self.state(false).note_settled(&self.dir).map_err(self.io("note what was settled"))
        } else {
            return;
        };
        self.unnoted = 0;
        if let Err(error) = noted {
            tracing::debug!(%error, "answers are not noted");
        }
    }

    /// After a sync that failed nobody knows what is on disk.
    fn doubt(&mut self, error: &io::Error) {
        tracing::warn!(%error, "the queue cannot be synced");
        if !std::mem::replace(&mut self.unsure, true)
            && let Err(error) = self.write_state(false)
        {
            tracing::warn!(%error, "the queue's state cannot be written");
        }
    }

    fn write_state(&self, clean: bool) -> Result<(), QueueError> {
        self.state(clean).write(&self.dir).map_err(self.io("write its state"))
    }

    fn state(&self, clean: bool) -> State {
        let expected = [0, 1, 2].map(|lane: usize| self.lanes[lane].expected());
        let sync_each = self.options.sync_each && !self.unsure;
        State { epoch: self.epoch.unwrap_or(QueueEpoch(0)), clean, sync_each, expected }
    }

    fn io(&self, action: &'static str) -> impl FnOnce(io::Error) -> QueueError + use<> {
        let dir = self.dir.clone();
        move |source| QueueError::Io { dir, action, source }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// No car ran this software before 2020: a clock that says so starts from its factory's date.
const CLOCK_SET_MIN: Timestamp = Timestamp(1_577_836_800_000_000);

/// Seconds since 1970: higher than the epoch of any queue that was made before. `None` before the
/// clock was set, which also is before any platform's certificate is valid.
fn epoch_at(now: Timestamp) -> Option<QueueEpoch> {
    let seconds = u32::try_from(now.0 / 1_000_000).ok();
    seconds.filter(|_| now >= CLOCK_SET_MIN).map(QueueEpoch)
}

#[cfg(test)]
mod tests;
