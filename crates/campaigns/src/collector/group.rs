//! What a collector keeps of each group and of each signal in it.

use std::ops::Range;

use model::{Micros, Timestamp};
use signals::{Quality, Value};

use super::{NEVER, encoded_bytes_max};
use crate::{Column, How, RowGroup, plan::SlotPlan};

/// How many of the latest times are searched for a reading's own: frames of several control units
/// interleave, but not more than a few.
const TIMES_SEARCH_MAX: usize = 8;

/// A signal in a group.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) allowed: bool,
    /// There is something that has not been taken.
    pub(super) fresh: bool,
    pub(super) quality: Quality,
    /// `None` until the first was taken.
    pub(super) taken_quality: Option<Quality>,
    pub(super) latest: Option<Value>,
    /// The latest one's source time.
    pub(super) time: Timestamp,
    pub(super) taken: Option<Value>,
    pub(super) taken_time: Timestamp,
    /// When the latest one, which came too soon after the one taken, may be taken.
    pub(super) held_until: Timestamp,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            allowed: false,
            fresh: false,
            quality: Quality::NotAvailable,
            taken_quality: None,
            latest: None,
            time: Timestamp::MIN,
            taken: None,
            taken_time: Timestamp::MIN,
            held_until: NEVER,
        }
    }
}

impl Slot {
    pub(super) fn forget(&mut self) {
        *self = Self { allowed: self.allowed, ..Self::default() };
    }

    pub(super) fn forget_times(&mut self) {
        self.time = Timestamp::MIN;
        self.taken_time = Timestamp::MIN;
        self.held_until = NEVER;
    }

    /// Saying twice that there is no value says nothing.
    pub(super) fn repeats_not_available(&self) -> bool {
        self.quality == Quality::NotAvailable && self.taken_quality == Some(Quality::NotAvailable)
    }

    /// Whether the latest reading is worth collecting after the last one that was.
    pub(super) fn differs(&self, min_delta: f64) -> bool {
        if self.repeats_not_available() {
            return false;
        }
        if min_delta == 0.0 || self.taken_quality != Some(self.quality) {
            return true;
        }
        let (Some(latest), Some(taken)) = (&self.latest, &self.taken) else { return true };
        match (latest, taken) {
            (
                Value::Int(_) | Value::Uint(_) | Value::Float(_),
                Value::Int(_) | Value::Uint(_) | Value::Float(_),
            ) => match (latest.as_f64(), taken.as_f64()) {
                // Decimals are not exact in binary: 0.3 - 0.2 must count as 0.1.
                (Some(latest), Some(taken)) => (latest - taken).abs() >= min_delta * (1.0 - 1e-9),
                (Some(_) | None, None) | (None, Some(_)) => true,
            },
            (
                Value::Bool(_)
                | Value::Text(_)
                | Value::Array(_)
                | Value::Int(_)
                | Value::Uint(_)
                | Value::Float(_),
                _,
            ) => latest != taken,
        }
    }
}

/// A sample that waits for its batch.
#[derive(Debug)]
struct Waiting {
    /// A place in the group's times.
    row: u32,
    /// A place in the group's slots.
    slot: u16,
    quality: Quality,
    value: Option<Value>,
}

/// The signals that a campaign collects in one way.
#[derive(Debug)]
pub(super) struct Group {
    times: Vec<Timestamp>,
    waiting: Vec<Waiting>,
    /// The next tick, or the end of the first held reading's interval.
    due: Timestamp,
    last_tick: Timestamp,
}

impl Default for Group {
    fn default() -> Self {
        Self { times: Vec::new(), waiting: Vec::new(), due: NEVER, last_tick: Timestamp::MIN }
    }
}

impl Group {
    pub(super) fn due(&self) -> Timestamp {
        self.due
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// There is something for a tick: the first one not before `now` and after the last one.
    pub(super) fn wake(&mut self, now: Timestamp, period: Micros, phase: Micros) -> Timestamp {
        if self.due == NEVER {
            let offset = (now.0.wrapping_sub(phase.0)).rem_euclid(period.0);
            let tick = if offset == 0 { now } else { now + Micros(period.0 - offset) };
            self.due = if tick > self.last_tick { tick } else { self.last_tick + period };
        }
        self.due
    }

    /// A reading may be taken at `until`.
    pub(super) fn hold(&mut self, until: Timestamp) -> Timestamp {
        self.due = self.due.min(until);
        self.due
    }

    /// What was due is being done.
    pub(super) fn begin(&mut self, due: Timestamp, how: How) {
        self.due = NEVER;
        match how {
            How::Every(_) => self.last_tick = due,
            How::OnChange { .. } => {}
        }
    }

    pub(super) fn forget_times(&mut self) {
        self.due = NEVER;
        self.last_tick = Timestamp::MIN;
    }

    /// What the latest reading of a slot may take encoded, with a time of its own.
    pub(super) fn bytes_max(slot: &Slot) -> usize {
        encoded_bytes_max(slot.latest.as_ref(), slot.quality) + size_of::<Timestamp>()
    }

    /// Adds the latest reading of a slot as of `time`; says what it may take encoded.
    pub(super) fn add(&mut self, place: usize, time: Timestamp, slot: &Slot) -> usize {
        let recent = self.times.len().saturating_sub(TIMES_SEARCH_MAX);
        let known = self.times.iter().skip(recent).rposition(|known| *known == time);
        let row = known.map_or(self.times.len(), |place| recent + place);
        let mut bytes = encoded_bytes_max(slot.latest.as_ref(), slot.quality);
        if row == self.times.len() {
            self.times.push(time);
            bytes += size_of::<Timestamp>();
        }
        self.waiting.push(Waiting {
            row: u32::try_from(row).expect("a batch is made long before 2^32 rows wait"),
            slot: u16::try_from(place).expect("a group has at most LANE_SIGNALS_MAX signals"),
            quality: slot.quality,
            value: slot.latest.clone(),
        });
        bytes
    }

    /// Deletes what waits of slots that are not allowed; says how much.
    pub(super) fn keep_allowed(&mut self, slots: &[Slot]) -> u64 {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| slots[usize::from(waiting.slot)].allowed);
        if self.waiting.is_empty() {
            self.times.clear();
        }
        (before - self.waiting.len()) as u64
    }

    /// Makes columns of all that waits. Signals that were read at the same times share them.
    pub(super) fn drain(&mut self, slots: &[SlotPlan], out: &mut Vec<RowGroup>) {
        // Stable, so that the samples of a slot stay in order of time.
        self.waiting.sort_by_key(|waiting| waiting.slot);
        let first = out.len();
        // For each group made here, the samples whose rows it has.
        let mut patterns: Vec<Range<usize>> = Vec::new();
        let mut start = 0;
        for samples in self.waiting.chunk_by(|a, b| a.slot == b.slot) {
            let range = start..start + samples.len();
            start = range.end;
            let same = |pattern: &Range<usize>| {
                let known = self.waiting[pattern.clone()].iter().map(|waiting| waiting.row);
                known.eq(samples.iter().map(|waiting| waiting.row))
            };
            let group = patterns.iter().position(same).unwrap_or_else(|| {
                patterns.push(range);
                let times = samples.iter().map(|waiting| self.times[waiting.row as usize]).collect();
                out.push(RowGroup { times, columns: Vec::new() });
                patterns.len() - 1
            });
            out[first + group].columns.push(column(samples, slots));
        }
        self.waiting.clear();
        self.times.clear();
    }
}

fn column(samples: &[Waiting], slots: &[SlotPlan]) -> Column {
    let leaf = &slots[usize::from(samples[0].slot)].leaf;
    let mut column = Column::new(leaf);
    column.data.reserve(samples.len());
    for sample in samples {
        column.push(leaf, sample.value.as_ref(), sample.quality);
    }
    column
}
