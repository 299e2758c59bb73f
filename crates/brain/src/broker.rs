//! The car's signals: latest current and target values, and who wants to know of changes.
//!
//! A publisher never waits for a subscriber: each subscription has a bounded queue of its own that
//! drops its oldest sample and counts it. A signal costs memory only once somebody has published,
//! targeted or subscribed to it.

mod subscription;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Timestamp, limits::SOURCE_LEAD_MAX};
use signals::{Catalogue, Leaf, LeafKind, Quality, Reading, Sample, SignalId, Value};

use subscription::Mailbox;
pub use subscription::Subscription;

use crate::clock::Clock;

/// Why a target cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("the catalogue has no signal {0}")]
    Unknown(SignalId),
    #[error("`{0}` is not an actuator; only actuators have a target")]
    NotAnActuator(Arc<str>),
    #[error("`{0}` does not take this value; see its type, limits and allowed values")]
    OutOfRange(Arc<str>),
}

/// Which of a signal's two values a subscription follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Follow {
    /// What is.
    Current,
    /// What shall be.
    Target,
}

/// The signals of one car.
#[derive(Debug)]
pub struct Broker {
    catalogue: Arc<Catalogue>,
    clock: Clock,
    state: Mutex<State>,
}

/// What the broker saw, since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub published: u64,
    /// Signals that the catalogue does not have.
    pub unknown: u64,
    /// Their source time was ahead of the clock.
    pub from_the_future: u64,
    /// Older than what was there; subscribers saw it, the latest value stayed.
    pub out_of_order: u64,
}

#[derive(Debug)]
struct State {
    /// By place in the catalogue: the slot, or [`NO_SLOT`].
    places: Box<[u16]>,
    slots: Vec<Slot>,
    /// Those who follow the targets of all signals.
    target_followers: Vec<Arc<Mailbox>>,
    counters: Counters,
}

const NO_SLOT: u16 = u16::MAX;

#[derive(Debug)]
struct Slot {
    current: Option<Reading>,
    /// What few signals have, apart from the others.
    extra: Option<Box<Extra>>,
}

#[derive(Debug, Default)]
struct Extra {
    target: Option<Reading>,
    followers: Vec<(Follow, Arc<Mailbox>)>,
}

impl Broker {
    /// `clock` bounds the source times that apps give.
    pub fn new(catalogue: Arc<Catalogue>, clock: Clock) -> Self {
        let places = vec![NO_SLOT; catalogue.len()].into_boxed_slice();
        let state =
            State { places, slots: Vec::new(), target_followers: Vec::new(), counters: Counters::default() };
        Self { catalogue, clock, state: Mutex::new(state) }
    }

    /// Types, units, limits: what is known of the signals beside their values.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// Takes what a source says of a signal. A source time from the future is taken as now: it would
    /// hide all that follows.
    pub fn publish(&self, signal: SignalId, reading: Reading) {
        self.publish_all([Sample { signal, reading }]);
    }

    /// The same for many samples, such as those of a frame, at the price of one lock.
    pub fn publish_all(&self, samples: impl IntoIterator<Item = Sample>) {
        self.publish_seen((self.clock)(), samples);
    }

    /// The same for samples that came at `now`, which in a recording is the recording's time.
    pub(crate) fn publish_seen(&self, now: Timestamp, samples: impl IntoIterator<Item = Sample>) {
        let latest = now + SOURCE_LEAD_MAX;
        let mut state = self.lock();
        for Sample { signal, mut reading } in samples {
            if reading.source_time > latest {
                reading.source_time = now;
                state.counters.from_the_future += 1;
            }
            state.publish(&self.catalogue, signal, reading);
        }
    }

    /// The clock went back to `now`: no value is newer than that.
    pub(crate) fn set_back(&self, now: Timestamp) {
        for slot in &mut self.lock().slots {
            if let Some(current) = &mut slot.current {
                current.source_time = current.source_time.min(now);
            }
        }
    }

    /// The latest value; not available when nothing was ever published. `None` when the catalogue
    /// does not have the signal.
    pub fn current(&self, signal: SignalId) -> Option<Reading> {
        let place = self.catalogue.index_of(signal)?;
        let state = self.lock();
        let current = state.slot(place).and_then(|slot| slot.current.clone());
        Some(current.unwrap_or_else(|| Reading::not_available(Timestamp(0))))
    }

    /// As [`Broker::current`], by path; also by a path that the signal has in another VSS release.
    pub fn current_by_path(&self, path: &str) -> Option<Reading> {
        self.current(self.catalogue.by_path(path)?.id)
    }

    /// What an actuator shall become, if anybody has said so.
    pub fn target(&self, signal: SignalId) -> Option<Reading> {
        let place = self.catalogue.index_of(signal)?;
        self.lock().slot(place)?.extra.as_ref()?.target.clone()
    }

    /// Asks that an actuator becomes a value. What the car makes of it shows in its current value.
    pub fn set_target(&self, signal: SignalId, value: Value, now: Timestamp) -> Result<(), TargetError> {
        let leaf = self.catalogue.by_id(signal).ok_or(TargetError::Unknown(signal))?;
        check_target(leaf, &value)?;
        let place = self.catalogue.index_of(signal).ok_or(TargetError::Unknown(signal))?;
        let reading = Reading::good(value, now);
        let mut state = self.lock();
        let extra = state.slot_mut(place).extra.get_or_insert_default();
        extra.target = Some(reading.clone());
        extra.tell(Follow::Target, signal, &reading);
        state.target_followers.retain(|mailbox| mailbox.put(signal, &reading));
        Ok(())
    }

    /// Follows signals. What is known of them is in the queue at once. Signals that the catalogue
    /// does not have are left out. At most `capacity` samples wait; then the oldest goes.
    pub fn subscribe(&self, signals: &[SignalId], follow: Follow, capacity: usize) -> Subscription {
        self.follow(signals, follow, capacity, true)
    }

    /// Follows current values from now on, without what is known already: for who must not see a
    /// reading twice.
    pub fn subscribe_from_now(&self, signals: &[SignalId], capacity: usize) -> Subscription {
        self.follow(signals, Follow::Current, capacity, false)
    }

    fn follow(
        &self,
        signals: &[SignalId],
        follow: Follow,
        capacity: usize,
        with_known: bool,
    ) -> Subscription {
        let mailbox = Arc::new(Mailbox::new(capacity));
        let mut state = self.lock();
        for signal in signals {
            let Some(place) = self.catalogue.index_of(*signal) else { continue };
            let slot = state.slot_mut(place);
            let known = match follow {
                Follow::Current => slot.current.as_ref(),
                Follow::Target => slot.extra.as_ref().and_then(|extra| extra.target.as_ref()),
            };
            if let Some(reading) = known.filter(|_| with_known) {
                mailbox.put(*signal, reading);
            }
            let extra = slot.extra.get_or_insert_default();
            extra.followers.retain(|(_, mailbox)| mailbox.is_open());
            extra.followers.push((follow, Arc::clone(&mailbox)));
        }
        Subscription::new(mailbox)
    }

    /// Follows the targets of all signals, from now on: for who moves the car's actuators.
    pub fn subscribe_targets(&self, capacity: usize) -> Subscription {
        let mailbox = Arc::new(Mailbox::new(capacity));
        self.lock().target_followers.push(Arc::clone(&mailbox));
        Subscription::new(mailbox)
    }

    /// Marks the good values of some signals as stale, as of `now`: their source has ended.
    pub fn mark_stale(&self, signals: impl IntoIterator<Item = SignalId>, now: Timestamp) {
        let mut state = self.lock();
        for signal in signals {
            let Some(place) = self.catalogue.index_of(signal) else { continue };
            let current = state.slot(place).and_then(|slot| slot.current.as_ref());
            let Some(current) = current.filter(|current| current.quality == Quality::Good) else { continue };
            let source_time = now.max(current.source_time);
            let stale = Reading { value: current.value.clone(), quality: Quality::Stale, source_time };
            state.publish(&self.catalogue, signal, stale);
        }
    }

    pub fn counters(&self) -> Counters {
        self.lock().counters
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is valid after each statement, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn slot(&self, place: usize) -> Option<&Slot> {
        let slot = *self.places.get(place)?;
        self.slots.get(usize::from(slot))
    }

    /// The slot of a place, made when it is not there.
    fn slot_mut(&mut self, place: usize) -> &mut Slot {
        let mut slot = self.places[place];
        if slot == NO_SLOT {
            slot = u16::try_from(self.slots.len()).expect("a catalogue has at most 16,384 leaves");
            self.places[place] = slot;
            self.slots.push(Slot { current: None, extra: None });
        }
        &mut self.slots[usize::from(slot)]
    }

    fn publish(&mut self, catalogue: &Catalogue, signal: SignalId, reading: Reading) {
        let Some(place) = catalogue.index_of(signal) else {
            self.counters.unknown += 1;
            return;
        };
        self.counters.published += 1;
        let slot = self.slot_mut(place);
        if let Some(extra) = &mut slot.extra {
            extra.tell(Follow::Current, signal, &reading);
        }
        match &slot.current {
            Some(known) if known.source_time > reading.source_time => self.counters.out_of_order += 1,
            Some(_) | None => slot.current = Some(reading),
        }
    }
}

impl Extra {
    fn tell(&mut self, follow: Follow, signal: SignalId, reading: &Reading) {
        let mut closed = false;
        for (what, mailbox) in &self.followers {
            if *what == follow {
                closed |= !mailbox.put(signal, reading);
            }
        }
        if closed {
            self.followers.retain(|(_, mailbox)| mailbox.is_open());
        }
    }
}

fn check_target(leaf: &Leaf, value: &Value) -> Result<(), TargetError> {
    if leaf.kind != LeafKind::Actuator {
        return Err(TargetError::NotAnActuator(Arc::clone(&leaf.path)));
    }
    match leaf.check(value) {
        Quality::Good => Ok(()),
        Quality::Stale | Quality::OutOfRange | Quality::NotAvailable => {
            Err(TargetError::OutOfRange(Arc::clone(&leaf.path)))
        }
    }
}

#[cfg(test)]
mod tests;
