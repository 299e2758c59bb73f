//! Cars that the gateway says are two, until their quarantine is on disk.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::gateway::Sighting;

/// More are not taken; the gateway keeps them.
const WAITING_MAX: usize = 4_096;
/// A database that does not answer is asked again after this, then after twice as long, and so on.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_DOUBLED_MAX: u32 = 6;

/// Each car once: as long as its quarantine is not on disk it may come again and again.
#[derive(Debug, Default)]
pub(super) struct Line(VecDeque<Waiting>);

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) sighting: Sighting,
    /// It stands in the audit log that its quarantine began.
    pub(super) is_begun: bool,
    due: Instant,
    tries: u32,
}

impl Line {
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= WAITING_MAX
    }

    pub(super) fn push(&mut self, sighting: Sighting, now: Instant) {
        if self.0.iter().all(|waiting| waiting.sighting.vehicle != sighting.vehicle) {
            self.0.push_back(Waiting { sighting, is_begun: false, due: now, tries: 0 });
        }
    }

    /// When somebody's turn is.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.iter().map(|waiting| waiting.due).min()
    }

    /// Of those whose turn it is, the first in the line.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Waiting> {
        let place = self.0.iter().position(|waiting| waiting.due <= now)?;
        self.0.remove(place)
    }

    /// It failed, and is tried again later, behind the others.
    pub(super) fn again(&mut self, waiting: Waiting, now: Instant) {
        let due = now + AGAIN * 2_u32.pow(waiting.tries.min(AGAIN_DOUBLED_MAX));
        self.0.push_back(Waiting { due, tries: waiting.tries.saturating_add(1), ..waiting });
    }
}

#[cfg(test)]
mod tests;
