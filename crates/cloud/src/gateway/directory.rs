//! Where each connected car is, over all workers, and whether two claim to be it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use identity::clone_watch::{Answered, ConnectionWatch, InsteadOf, Opened, QueueWatch, Waited};
use model::{Micros, Timestamp, VehicleId};

use super::quota::{Budget, Quota};
use crate::words::Network;

/// A connection within a worker; a slot is used again, a key is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// A connection within the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) worker: usize,
    pub(super) key: Key,
}

/// More locks than cores, so that connects rarely wait for each other.
const PARTS: usize = 16;

/// Queues of cars that left, which are remembered for when they come back: one that restored its queue, or is two,
/// is known by it. Each takes some 10 kB; of a car that is forgotten the next batch is taken as it comes.
const QUEUES_OF_PART_MAX: usize = 512;

/// One connection per car. It is asked when connections open and end, and by no message.
#[derive(Debug)]
pub(super) struct Directory {
    answer_wait: Micros,
    parts: [Mutex<Part>; PARTS],
}

#[derive(Debug, Default)]
struct Part {
    cars: HashMap<VehicleId, Watch>,
    /// Of cars that left while somebody had a turn to wait.
    left: HashMap<VehicleId, Watch>,
    /// Of cars that left with little of their quota: connecting anew gives them no more.
    low: HashMap<VehicleId, Budget>,
    queues: HashMap<VehicleId, Box<QueueWatch>>,
}

type Watch = ConnectionWatch<Place, Network>;

/// What becomes of a car that wants in.
#[derive(Debug)]
pub(super) enum Claim {
    /// It is in, with what was kept since it left.
    In(Kept),
    /// Another connection is the car so far. Ping it, if it was not yet; by [`Directory::answer`] the newcomer hears
    /// that it may not come in, and when the other one has left, that it may.
    Wait { ping: Option<Place>, until: Timestamp, instead_of: Option<InsteadOf<Place, Network>> },
    /// And another waits for that already. Where these two come from, if it is not from one place.
    Taken { elsewhere: Option<(Network, Network)> },
    /// From more networks than one car is in. Two of them, and who else has to go.
    Crowd { live: Place, newcomer: Option<Place>, networks: (Network, Network) },
}

/// What a car takes from one connection to the next.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) budget: Option<Budget>,
    pub(super) queue: Option<Box<QueueWatch>>,
}

impl Directory {
    pub(super) fn new(answer_wait: Micros) -> Self {
        Self { answer_wait, parts: Default::default() }
    }

    /// A connection says that it is this car.
    pub(super) fn claim(&self, vehicle: VehicleId, place: Place, from: Network, now: Timestamp) -> Claim {
        let mut part = self.part(vehicle);
        let Part { cars, left, .. } = &mut *part;
        let watch = cars.entry(vehicle).or_insert_with(|| {
            left.remove(&vehicle).unwrap_or_else(|| ConnectionWatch::new(self.answer_wait))
        });
        // It waited, and the one before has gone.
        if watch.live() != Some(place) {
            match watch.handle_opened(place, from, now) {
                Opened::Alone => {}
                Opened::Waits { ping, until, instead_of } => return Claim::Wait { ping, until, instead_of },
                Opened::Taken { elsewhere } => return Claim::Taken { elsewhere },
                Opened::Crowd { live, newcomer, places } => {
                    return Claim::Crowd { live, newcomer, networks: places };
                }
            }
        }
        Claim::In(Kept { budget: part.low.remove(&vehicle), queue: part.queues.remove(&vehicle) })
    }

    /// The connection that is the car answered a ping.
    pub(super) fn answer(
        &self,
        vehicle: VehicleId,
        place: Place,
        now: Timestamp,
    ) -> Option<Answered<Place, Network>> {
        let mut part = self.part(vehicle);
        part.cars.get_mut(&vehicle)?.handle_answer(place, now)
    }

    /// The time of a newcomer's wait has come.
    pub(super) fn overdue(&self, vehicle: VehicleId, place: Place, now: Timestamp) -> Waited<Place> {
        let mut part = self.part(vehicle);
        part.cars.get_mut(&vehicle).map_or(Waited::NotWaiting, |watch| watch.handle_timeout(place, now))
    }

    /// Forgets a connection, but for what is kept. Whom to let in now, if somebody waited for this.
    pub(super) fn release(
        &self,
        vehicle: VehicleId,
        place: Place,
        kept: Kept,
        left: Leaving<'_>,
    ) -> Option<Place> {
        let mut part = self.part(vehicle);
        part.keep(vehicle, kept, left);
        let watch = part.cars.get_mut(&vehicle)?;
        let next = watch.handle_closed(place);
        if watch.live().is_none()
            && let Some(watch) = part.cars.remove(&vehicle)
        {
            part.keep_turns(vehicle, watch, left.time);
        }
        next
    }

    /// The connection that is in, or about to come in.
    pub(super) fn find(&self, vehicle: VehicleId) -> Option<Place> {
        self.part(vehicle).cars.get(&vehicle)?.live()
    }

    fn part(&self, vehicle: VehicleId) -> MutexGuard<'_, Part> {
        // Vehicle ids are random: any byte spreads them.
        let [first, ..] = vehicle.as_bytes();
        let part =
            self.parts.get(usize::from(*first) % PARTS).expect("the index is below the number of parts");
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By what it is judged whether something that is left behind is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving<'a> {
    pub(super) quota: &'a Quota,
    pub(super) now: Instant,
    pub(super) time: Timestamp,
}

impl Part {
    fn keep(&mut self, vehicle: VehicleId, kept: Kept, Leaving { quota, now, .. }: Leaving<'_>) {
        if let Some(mut budget) = kept.budget
            && budget.is_low(quota, now)
        {
            // Before it would grow, so that it holds those of the last minutes only.
            if self.low.len() == self.low.capacity() {
                self.low.retain(|_, budget| budget.is_low(quota, now));
            }
            self.low.insert(vehicle, budget);
        }
        let Some(queue) = kept.queue else { return };
        if self.queues.len() >= QUEUES_OF_PART_MAX
            && let Some(other) = self.queues.keys().next().copied()
        {
            self.queues.remove(&other);
        }
        self.queues.insert(vehicle, queue);
    }

    fn keep_turns(&mut self, vehicle: VehicleId, mut watch: Watch, now: Timestamp) {
        if !watch.has_turns(now) {
            return;
        }
        // As with budgets.
        if self.left.len() == self.left.capacity() {
            self.left.retain(|_, watch| watch.has_turns(now));
        }
        self.left.insert(vehicle, watch);
    }
}

#[cfg(test)]
mod tests;
