//! One car's collecting: readings come in, batches come out.

mod group;

use std::{collections::VecDeque, sync::Arc};

use model::{
    CampaignId, CampaignVersion, CatalogueHash, ConsentEpoch, Lane, Micros, Purpose, Timestamp, limits,
};
use signals::{Quality, Reading, Sample, SignalId, Value};

use crate::{How, Permissions, Plan, RowGroup, plan::GroupPlan};
use group::{Group, Slot};

/// What may wait for one batch, by the most that it can take encoded: below
/// [`limits::BATCH_BYTES_MAX`] by the room that heads and header need.
const WAITING_BYTES_MAX: usize = limits::BATCH_BYTES_MAX / 8 * 5;

/// What one value may take encoded: a quarter of a batch. The longest arrays of numbers take 10 kB.
const VALUE_BYTES_MAX: usize = WAITING_BYTES_MAX / 4;

/// Batches that nobody polled. More are lost, oldest first: memory is bounded.
const READY_MAX: usize = 64;

/// A step back of the clock by more than it starts afresh; by less, time stands still.
const CLOCK_STEP_BACK: Micros = Micros::SECOND;

const NEVER: Timestamp = Timestamp::MAX;

/// Columns that are ready to leave the car, and what they must say of themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadyBatch {
    pub campaign: CampaignId,
    pub version: CampaignVersion,
    pub purpose: Purpose,
    pub lane: Lane,
    /// The grants that each of its samples was checked against.
    pub consent_epoch: ConsentEpoch,
    pub catalogue: CatalogueHash,
    pub groups: Vec<RowGroup>,
}

impl ReadyBatch {
    pub fn samples(&self) -> usize {
        self.groups.iter().map(RowGroup::samples).sum()
    }
}

/// What became of the readings since the collector began. A reading counts once for each group that
/// asks for its signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Samples that entered a batch.
    pub collected: u64,
    /// Kept in the car because the permissions do not allow them.
    pub withheld: u64,
    /// Not later than the signal's reading before, so a repetition or out of order.
    pub not_newer: u64,
    /// Of a time that no car lives in ([`limits::SOURCE_TIME_MIN`], [`limits::SOURCE_TIME_MAX`]).
    pub out_of_time: u64,
    /// Above the campaign's quota.
    pub over_quota: u64,
    /// Collected, then deleted because the permissions changed before they left.
    pub withdrawn: u64,
    /// Collected, then lost because nobody polled.
    pub unpolled: u64,
}

/// One car's state for all of its campaigns.
///
/// The caller hands in every reading of [`Plan::signals`] with the time at which it saw it, and
/// polls at [`Collector::next_deadline`].
#[derive(Debug)]
pub struct Collector {
    plan: Arc<Plan>,
    permissions: Permissions,
    phase: Micros,
    groups: Vec<Group>,
    slots: Vec<Slot>,
    streams: Vec<Stream>,
    quotas: Vec<Quota>,
    ready: VecDeque<ReadyBatch>,
    counters: Counters,
    now: Timestamp,
    /// No tick, held reading or flush is due before it.
    due: Timestamp,
}

/// What waits for one batch.
#[derive(Debug, Default)]
struct Stream {
    opened: Option<Timestamp>,
    bytes: usize,
}

/// What a campaign collected in the current minute.
#[derive(Debug, Default)]
struct Quota {
    minute: i64,
    samples: u32,
}

impl Collector {
    /// A collector that allows nothing yet: [`Collector::set_permissions`] follows.
    ///
    /// `phase` moves the ticks of period groups away from whole periods. Give each car another one,
    /// so that a fleet does not send all at once.
    pub fn new(plan: Arc<Plan>, phase: Micros) -> Self {
        let mut this = Self {
            plan,
            permissions: Permissions::none(),
            phase,
            groups: Vec::new(),
            slots: Vec::new(),
            streams: Vec::new(),
            quotas: Vec::new(),
            ready: VecDeque::new(),
            counters: Counters::default(),
            now: Timestamp::MIN,
            due: NEVER,
        };
        this.reset();
        this
    }

    pub fn counters(&self) -> Counters {
        self.counters
    }

    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Goes over to other campaigns. What waits leaves under the old ones. A campaign that did not
    /// change goes on where it was: it collects no reading again.
    pub fn set_plan(&mut self, now: Timestamp, plan: Arc<Plan>) {
        self.flush_all(now);
        let before = std::mem::replace(&mut self.plan, plan);
        let mut groups = std::mem::take(&mut self.groups);
        let mut slots = std::mem::take(&mut self.slots);
        let mut quotas = std::mem::take(&mut self.quotas);
        self.reset();
        let after = Arc::clone(&self.plan);
        for (place, campaign) in after.campaigns.iter().enumerate() {
            let Some(old) = before.campaigns.iter().position(|known| known == campaign) else { continue };
            std::mem::swap(&mut self.quotas[place], &mut quotas[old]);
            // The same campaign has the same groups, with the same slots, in the same order.
            for (new, old) in after.groups_of(place).zip(before.groups_of(old)) {
                std::mem::swap(&mut self.groups[new], &mut groups[old]);
                let (new, old) = (after.groups[new].slots.clone(), before.groups[old].slots.clone());
                self.slots[new].swap_with_slice(&mut slots[old]);
            }
        }
        self.set_permissions(self.permissions);
    }

    /// Goes over to other permissions. What is not allowed any more is deleted here, as if it had
    /// never been; what waits leaves under the new epoch, since it was checked against it.
    pub fn set_permissions(&mut self, permissions: Permissions) {
        self.permissions = permissions;
        for (state, slot) in self.slots.iter_mut().zip(&self.plan.slots) {
            state.allowed = permissions.allows(slot.purpose, slot.leaf.category);
            if !state.allowed {
                state.forget();
            }
        }
        let mut withdrawn = 0;
        for (state, group) in self.groups.iter_mut().zip(&self.plan.groups) {
            let slots = &self.slots[group.slots.clone()];
            withdrawn += state.keep_allowed(slots);
        }
        for (state, stream) in self.streams.iter_mut().zip(&self.plan.streams) {
            if stream.groups.iter().all(|group| self.groups[*group].is_empty()) {
                *state = Stream::default();
            }
        }
        withdrawn += self.withdraw_ready();
        self.counters.withdrawn += withdrawn;
        self.schedule();
    }

    /// Takes a reading that was seen at `now`.
    pub fn handle_reading(&mut self, now: Timestamp, sample: &Sample) {
        self.handle(now, sample.signal, &sample.reading);
    }

    /// The same for a reading that stands apart from its signal.
    pub fn handle(&mut self, now: Timestamp, signal: SignalId, reading: &Reading) {
        // What was due before this reading must not see it.
        self.advance(Timestamp(now.0.saturating_sub(1)));
        for place in self.plan.routes_of(signal) {
            let slot = self.plan.routes[place];
            self.offer(slot, now, reading);
        }
    }

    /// Does what is due and gives the next batch; call it until it gives none.
    pub fn poll(&mut self, now: Timestamp) -> Option<ReadyBatch> {
        self.advance(now);
        self.ready.pop_front()
    }

    /// When to poll next; `None` while there is nothing to wait for.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if !self.ready.is_empty() {
            return Some(self.now);
        }
        (self.due != NEVER).then_some(self.due)
    }

    /// Makes batches of all that waits, for an orderly end.
    pub fn flush_all(&mut self, now: Timestamp) {
        self.advance(now);
        for stream in 0..self.streams.len() {
            self.flush(stream);
        }
        self.schedule();
    }

    fn reset(&mut self) {
        self.groups = self.plan.groups.iter().map(|_| Group::default()).collect();
        self.slots = self.plan.slots.iter().map(|_| Slot::default()).collect();
        self.streams = self.plan.streams.iter().map(|_| Stream::default()).collect();
        self.quotas = self.plan.campaigns.iter().map(|_| Quota::default()).collect();
        self.set_permissions(self.permissions);
    }

    fn offer(&mut self, slot: usize, now: Timestamp, reading: &Reading) {
        let state = &mut self.slots[slot];
        if !state.allowed {
            self.counters.withheld += 1;
            return;
        }
        // A batch cannot carry it, and the source's next reading may be of a better clock.
        if !(limits::SOURCE_TIME_MIN..=limits::SOURCE_TIME_MAX).contains(&reading.source_time) {
            self.counters.out_of_time += 1;
            return;
        }
        if reading.source_time <= state.time {
            self.counters.not_newer += 1;
            return;
        }
        state.time = reading.source_time;
        (state.latest, state.quality) = fitting(reading);
        let group = self.plan.slots[slot].group;
        match self.plan.groups[group].how {
            How::Every(period) => {
                state.fresh = true;
                let tick = self.groups[group].wake(now, period, self.phase);
                self.due = self.due.min(tick);
            }
            How::OnChange { min_interval, min_delta } => {
                state.fresh = state.differs(min_delta);
                if !state.fresh {
                    state.held_until = NEVER;
                    return;
                }
                let elapsed = state.time.since(state.taken_time);
                if elapsed >= min_interval {
                    self.take(slot, now, reading.source_time);
                } else {
                    let until = now + Micros(min_interval.0 - elapsed.0);
                    state.held_until = state.held_until.min(until);
                    self.due = self.due.min(self.groups[group].hold(state.held_until));
                }
            }
        }
    }

    /// Does all that is due up to and including `now`, in order of time.
    fn advance(&mut self, now: Timestamp) {
        if now < self.now - CLOCK_STEP_BACK {
            self.start_afresh();
        }
        self.now = self.now.max(now);
        while self.due <= now && self.due != NEVER {
            let due = self.due;
            for stream in 0..self.streams.len() {
                if self.flush_due(stream) <= due {
                    self.flush(stream);
                }
            }
            for group in 0..self.groups.len() {
                if self.groups[group].due() <= due {
                    self.group_due(group, due);
                }
            }
            for stream in 0..self.streams.len() {
                if self.is_complete(stream, due) {
                    self.flush(stream);
                }
            }
            self.schedule();
        }
    }

    /// Takes what a tick or the end of an interval finds.
    fn group_due(&mut self, group: usize, due: Timestamp) {
        let GroupPlan { how, ref slots, .. } = self.plan.groups[group];
        let slots = slots.clone();
        self.groups[group].begin(due, how);
        for slot in slots {
            let state = &mut self.slots[slot];
            if !state.fresh {
                continue;
            }
            match how {
                How::Every(_) => {
                    state.fresh = false;
                    if !state.repeats_not_available() {
                        self.take(slot, due, due);
                    }
                }
                How::OnChange { .. } if state.held_until <= due => {
                    let time = state.time;
                    self.take(slot, due, time);
                }
                How::OnChange { .. } => {
                    self.groups[group].hold(state.held_until);
                }
            }
        }
    }

    /// Adds the latest reading of a slot to its batch, as of `time`.
    fn take(&mut self, slot: usize, now: Timestamp, time: Timestamp) {
        let plan = &self.plan.slots[slot];
        let GroupPlan { stream, ref slots, .. } = self.plan.groups[plan.group];
        let place = slot - slots.start;
        let campaign = self.plan.streams[stream].campaign;
        let quota = self.plan.campaigns[campaign].limits.samples_per_minute_max;
        let state = &mut self.slots[slot];
        state.fresh = false;
        state.held_until = NEVER;
        if !self.quotas[campaign].take(now, quota) {
            self.counters.over_quota += 1;
            return;
        }
        state.taken = state.latest.clone();
        state.taken_quality = Some(state.quality);
        state.taken_time = state.time;
        self.counters.collected += 1;
        // What does not fit goes into the next batch, and costs only itself what fits into none.
        let group = plan.group;
        if self.streams[stream].bytes + Group::bytes_max(state) > WAITING_BYTES_MAX {
            self.flush(stream);
        }
        let bytes = self.groups[group].add(place, time, &self.slots[slot]);
        let waiting = &mut self.streams[stream];
        waiting.bytes += bytes;
        waiting.opened.get_or_insert(now);
        if waiting.bytes >= WAITING_BYTES_MAX {
            self.flush(stream);
            self.schedule();
        } else {
            self.due = self.due.min(self.flush_due(stream));
        }
    }

    fn flush_due(&self, stream: usize) -> Timestamp {
        let flush_every = self.plan.streams[stream].flush_every;
        self.streams[stream].opened.map_or(NEVER, |opened| opened + flush_every)
    }

    /// Whether nothing more can be expected before the flush, so that waiting for it were in vain.
    fn is_complete(&self, stream: usize, tick: Timestamp) -> bool {
        let Some(period) = self.plan.streams[stream].period_min else { return false };
        let due = self.flush_due(stream);
        due != NEVER && due <= tick + period
    }

    fn flush(&mut self, stream: usize) {
        let plan = Arc::clone(&self.plan);
        let stream_plan = &plan.streams[stream];
        self.streams[stream] = Stream::default();
        let mut groups = Vec::new();
        for group in &stream_plan.groups {
            let slots = &plan.slots[plan.groups[*group].slots.clone()];
            self.groups[*group].drain(slots, &mut groups);
        }
        if groups.is_empty() {
            return;
        }
        let campaign = &plan.campaigns[stream_plan.campaign];
        self.ready.push_back(ReadyBatch {
            campaign: campaign.id,
            version: campaign.version,
            purpose: campaign.purpose,
            lane: stream_plan.lane,
            consent_epoch: self.permissions.epoch(),
            catalogue: plan.catalogue.hash(),
            groups,
        });
        if self.ready.len() > READY_MAX {
            let lost = self.ready.pop_front().map_or(0, |batch| batch.samples());
            self.counters.unpolled += lost as u64;
        }
    }

    fn schedule(&mut self) {
        let groups = self.groups.iter().map(Group::due);
        let streams = (0..self.streams.len()).map(|stream| self.flush_due(stream));
        self.due = groups.chain(streams).min().unwrap_or(NEVER);
    }

    /// After the clock went back: the old times leave first, the new ones start without a past.
    fn start_afresh(&mut self) {
        for stream in 0..self.streams.len() {
            self.flush(stream);
        }
        self.groups.iter_mut().for_each(Group::forget_times);
        self.slots.iter_mut().for_each(Slot::forget_times);
        self.now = Timestamp::MIN;
        self.schedule();
    }

    /// Deletes from the batches that nobody has polled what is not allowed any more.
    fn withdraw_ready(&mut self) -> u64 {
        let Self { ready, permissions, plan, .. } = self;
        let mut withdrawn = 0;
        for batch in ready.iter_mut() {
            let purpose = batch.purpose;
            let allowed = |signal: SignalId| {
                plan.catalogue.by_id(signal).is_some_and(|leaf| permissions.allows(purpose, leaf.category))
            };
            let before = batch.samples();
            batch.groups.iter_mut().for_each(|group| group.columns.retain(|column| allowed(column.signal)));
            batch.groups.retain(|group| !group.columns.is_empty());
            batch.consent_epoch = permissions.epoch();
            withdrawn += (before - batch.samples()) as u64;
        }
        ready.retain(|batch| !batch.groups.is_empty());
        withdrawn
    }
}

impl Quota {
    fn take(&mut self, now: Timestamp, max: Option<u32>) -> bool {
        let Some(max) = max else { return true };
        let minute = now.0.div_euclid(Micros::MINUTE.0);
        if minute != self.minute {
            *self = Self { minute, samples: 0 };
        }
        self.samples = self.samples.saturating_add(1);
        self.samples <= max
    }
}

/// A value that no batch has room for is out of range, and the beginning of its text is kept.
fn fitting(reading: &Reading) -> (Option<Value>, Quality) {
    match &reading.value {
        Some(value) if encoded_bytes_max(Some(value), Quality::Good) > VALUE_BYTES_MAX => {
            let mut text = value.to_string();
            text.truncate(text.floor_char_boundary(limits::TEXT_BYTES_MAX));
            (Some(Value::Text(text.into())), Quality::OutOfRange)
        }
        value => (value.clone(), reading.quality),
    }
}

/// The most that a value takes encoded.
fn encoded_bytes_max(value: Option<&Value>, quality: Quality) -> usize {
    let exception = if quality == Quality::Good { 0 } else { 8 };
    exception
        + match value {
            None | Some(Value::Bool(_)) => 1,
            Some(Value::Int(_) | Value::Uint(_) | Value::Float(_)) => 9,
            Some(Value::Text(text)) => text.len().min(limits::TEXT_BYTES_MAX) + 16,
            Some(Value::Array(items)) => {
                items.iter().map(|item| encoded_bytes_max(Some(item), Quality::Good)).sum::<usize>() + 4
            }
        }
}

#[cfg(test)]
mod tests;
