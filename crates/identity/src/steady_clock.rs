//! Time that never goes back, made from a clock that people and servers may set.

use model::{Micros, Timestamp};

/// A smaller step back is no step: calls come a little out of order, and each would put this clock
/// ahead by a little more.
const STEP_MIN: Micros = Micros::SECOND;

/// Spans measured by it are as long as they were meant to be, also when the clock was a year ahead and
/// is set right.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SteadyClock {
    latest: Option<Timestamp>,
    /// How far it is ahead of the clock that is read.
    ahead: Micros,
}

impl SteadyClock {
    pub(crate) const NEW: Self = Self { latest: None, ahead: Micros::ZERO };

    /// `now`, by this clock.
    pub(crate) fn read(&mut self, now: Timestamp) -> Timestamp {
        if let Some(latest) = self.latest
            && latest.since(now + self.ahead) >= STEP_MIN
        {
            self.ahead = latest.since(now);
        }
        let steady = self.peek(now);
        self.latest = Some(steady);
        steady
    }

    /// The same, without taking note of it.
    pub(crate) fn peek(&self, now: Timestamp) -> Timestamp {
        let steady = now + self.ahead;
        self.latest.map_or(steady, |latest| latest.max(steady))
    }

    /// When the clock that is read will show what this one calls `at`.
    pub(crate) fn shown_at(&self, at: Timestamp) -> Timestamp {
        at - self.ahead
    }
}

#[cfg(test)]
mod tests;
