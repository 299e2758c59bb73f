//! Where each connected car is, over all workers.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use model::VehicleId;

use super::quota::{Budget, Quota};

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

/// One connection per car: who comes last has it.
#[derive(Debug, Default)]
pub(super) struct Directory {
    parts: [Mutex<Part>; PARTS],
}

#[derive(Debug, Default)]
struct Part {
    places: HashMap<VehicleId, Place>,
    /// Of cars that left with little of their quota: connecting anew gives them no more.
    low: HashMap<VehicleId, Budget>,
}

impl Directory {
    /// Gives the car to a connection, and says which one had it and what is left of its quota.
    pub(super) fn claim(&self, vehicle: VehicleId, place: Place) -> (Option<Place>, Option<Budget>) {
        let mut part = self.part(vehicle);
        (part.places.insert(vehicle, place), part.low.remove(&vehicle))
    }

    /// Forgets the car if this connection still has it, but for a budget that is low.
    pub(super) fn release(
        &self,
        vehicle: VehicleId,
        place: Place,
        mut budget: Budget,
        quota: &Quota,
        now: Instant,
    ) {
        let mut part = self.part(vehicle);
        if part.places.get(&vehicle) == Some(&place) {
            part.places.remove(&vehicle);
        }
        if budget.is_low(quota, now) {
            // Before it would grow, so that it holds those of the last minutes only.
            if part.low.len() == part.low.capacity() {
                part.low.retain(|_, budget| budget.is_low(quota, now));
            }
            part.low.insert(vehicle, budget);
        }
    }

    pub(super) fn find(&self, vehicle: VehicleId) -> Option<Place> {
        self.part(vehicle).places.get(&vehicle).copied()
    }

    fn part(&self, vehicle: VehicleId) -> MutexGuard<'_, Part> {
        // Vehicle ids are random: any byte spreads them.
        let [first, ..] = vehicle.as_bytes();
        let part =
            self.parts.get(usize::from(*first) % PARTS).expect("the index is below the number of parts");
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
