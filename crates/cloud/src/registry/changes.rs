//! Which cars' grants have changed lately, for those who keep what they decided before.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use model::VehicleId;
use tokio::sync::watch;

/// Changes that are known one by one; who is further behind decides everything anew.
const KNOWN_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct ConsentChanges {
    /// The newest last.
    known: Mutex<VecDeque<VehicleId>>,
    /// How many there have been. Written while `known` is held, so that the two agree for who holds it.
    count: watch::Sender<u64>,
}

impl ConsentChanges {
    /// The grants are in place already: who is told decides by them.
    pub(super) fn push(&self, vehicle: VehicleId) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == KNOWN_MAX {
            known.pop_front();
        }
        known.push_back(vehicle);
        self.count.send_modify(|count| *count += 1);
    }

    pub(super) fn count(&self) -> u64 {
        *self.count.borrow()
    }

    pub(super) fn since(&self, count: u64) -> Option<Vec<VehicleId>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = usize::try_from(self.count().saturating_sub(count)).ok()?;
        let first = known.len().checked_sub(missed)?;
        Some(known.range(first..).copied().collect())
    }

    pub(super) fn follow(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}
