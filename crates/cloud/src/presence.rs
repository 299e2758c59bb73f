//! Which cars are connected, and since when. The gateway says it, the API shows it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use model::{Timestamp, VehicleId};
use tokio::sync::broadcast;

/// Changes that a slow listener may fall behind before it has to look at everything again.
const CHANGES_MAX: usize = 4_096;

/// What is known of a car's connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connection {
    /// Since when the car is connected; `None` when it is not.
    pub connected_at: Option<Timestamp>,
    /// When it was last connected.
    pub seen_at: Option<Timestamp>,
}

/// A car came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub vehicle: VehicleId,
    pub connected: bool,
    pub at: Timestamp,
}

/// All cars' connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Presence(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cars: RwLock<HashMap<VehicleId, Known>>,
    changes: broadcast::Sender<Change>,
}

#[derive(Debug, Default)]
struct Known {
    connection: Connection,
    /// Connections that are open; a new one may come before the old one is seen to end.
    open: u32,
}

impl Default for Presence {
    fn default() -> Self {
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        Self(Arc::new(Shared { cars: RwLock::default(), changes }))
    }
}

impl Presence {
    pub fn connected(&self, vehicle: VehicleId, now: Timestamp) {
        let mut cars = self.0.cars.write().unwrap_or_else(PoisonError::into_inner);
        let known = cars.entry(vehicle).or_default();
        known.open += 1;
        known.connection = Connection { connected_at: Some(now), seen_at: Some(now) };
        drop(cars);
        self.tell(Change { vehicle, connected: true, at: now });
    }

    /// One of the car's connections has ended; every [`Presence::connected`] has one of these.
    pub fn disconnected(&self, vehicle: VehicleId, now: Timestamp) {
        let mut cars = self.0.cars.write().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = cars.get_mut(&vehicle) else { return };
        known.open = known.open.saturating_sub(1);
        known.connection.seen_at = Some(now);
        if known.open > 0 {
            return;
        }
        known.connection.connected_at = None;
        drop(cars);
        self.tell(Change { vehicle, connected: false, at: now });
    }

    pub fn of(&self, vehicle: VehicleId) -> Connection {
        let cars = self.0.cars.read().unwrap_or_else(PoisonError::into_inner);
        cars.get(&vehicle).map(|known| known.connection).unwrap_or_default()
    }

    /// Changes from now on. Who falls behind is told so and looks at everything again.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    fn tell(&self, change: Change) {
        // Nobody may be listening.
        drop(self.0.changes.send(change));
    }
}

#[cfg(test)]
mod tests;
