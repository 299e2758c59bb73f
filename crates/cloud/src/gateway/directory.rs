//! Where each connected car is, over all workers.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use model::VehicleId;

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
    parts: [Mutex<HashMap<VehicleId, Place>>; PARTS],
}

impl Directory {
    /// Gives the car to a connection, and says which one had it.
    pub(super) fn claim(&self, vehicle: VehicleId, place: Place) -> Option<Place> {
        self.part(vehicle).lock().unwrap_or_else(PoisonError::into_inner).insert(vehicle, place)
    }

    /// Forgets the car if this connection still has it.
    pub(super) fn release(&self, vehicle: VehicleId, place: Place) {
        let mut part = self.part(vehicle).lock().unwrap_or_else(PoisonError::into_inner);
        if part.get(&vehicle) == Some(&place) {
            part.remove(&vehicle);
        }
    }

    pub(super) fn find(&self, vehicle: VehicleId) -> Option<Place> {
        self.part(vehicle).lock().unwrap_or_else(PoisonError::into_inner).get(&vehicle).copied()
    }

    fn part(&self, vehicle: VehicleId) -> &Mutex<HashMap<VehicleId, Place>> {
        // Vehicle ids are random: any byte spreads them.
        let [first, ..] = vehicle.as_bytes();
        self.parts.get(usize::from(*first) % PARTS).expect("the index is below the number of parts")
    }
}
