//! What one car may cost. A car that sends more is not refused: the gateway reads it no further until its
//! budget allows, so that nothing is lost, nothing comes out of order, and TCP makes the car wait.

use std::time::{Duration, Instant};

/// How much of something, over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// What comes back in a minute; at least 1.
    pub per_minute: u32,
    /// What may be used at once.
    pub burst: u32,
}

impl Rate {
    /// No limit that matters.
    pub const UNLIMITED: Self = Self { per_minute: u32::MAX, burst: u32::MAX };
}

/// What one car may send. A car that was offline for days comes back with all it kept, so that bursts are
/// generous; what lasts is what the platform can bear of many such cars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Messages of QoS 1 of all kinds, refused ones too.
    pub messages: Rate,
    /// Their payload.
    pub bytes: Rate,
    /// Samples in batches, by their headers. A batch of 80 bytes may have 200,000.
    pub samples: Rate,
    /// Reports, fetches and link codes: each costs SQL.
    pub questions: Rate,
}

impl Quota {
    pub const UNLIMITED: Self = Self {
        messages: Rate::UNLIMITED,
        bytes: Rate::UNLIMITED,
        samples: Rate::UNLIMITED,
        questions: Rate::UNLIMITED,
    };

    const fn rates(&self) -> [Rate; METERS] {
        [self.messages, self.bytes, self.samples, self.questions]
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            // A car of today sends one or two a second.
            messages: Rate { per_minute: 6_000, burst: 12_000 },
            bytes: Rate { per_minute: 60 << 20, burst: 64 << 20 },
            // Seven times what a bus at full rate gives; an owner decodes some twenty times as much a second.
            samples: Rate { per_minute: 12_000_000, burst: 24_000_000 },
            questions: Rate { per_minute: 30, burst: 60 },
        }
    }
}

const METERS: usize = 4;

/// What is left is counted in millionths, so that a slow rate loses nothing when it is looked at often.
const SCALE: i64 = 1_000_000;

/// What a message uses up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost([i64; METERS]);

impl Cost {
    pub(super) fn batch(payload_bytes: usize, samples: u32) -> Self {
        Self([1, signed(payload_bytes), i64::from(samples), 0])
    }

    /// A report, a fetch or a link code.
    pub(super) fn question(payload_bytes: usize) -> Self {
        Self([1, signed(payload_bytes), 0, 1])
    }

    pub(super) fn connection() -> Self {
        Self([1, 0, 0, 0])
    }
}

/// What a car has left of its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    left: [i64; METERS],
    /// Until then what comes back was counted.
    counted: Instant,
}

impl Budget {
    pub(super) fn full(quota: &Quota, now: Instant) -> Self {
        Self { left: quota.rates().map(|rate| i64::from(rate.burst) * SCALE), counted: now }
    }

    /// Uses up a message's cost. When that is more than is left: until when no other message may be taken. A
    /// message may cost more than a burst, so one is never cut off from being sent for ever.
    pub(super) fn take(&mut self, quota: &Quota, now: Instant, cost: Cost) -> Option<Instant> {
        let mut over = false;
        for (left, cost) in self.left.iter_mut().zip(cost.0) {
            *left -= cost * SCALE;
            over |= *left < 0;
        }
        // What came back is counted only when it is needed: most messages cost four subtractions.
        if over { self.wait(quota, now) } else { None }
    }

    /// Counts what came back, and gives when all of what is missing will have.
    fn wait(&mut self, quota: &Quota, now: Instant) -> Option<Instant> {
        self.refill(quota, now);
        let waits = self.left.iter().zip(quota.rates()).filter(|(left, _)| **left < 0);
        let us = waits.map(|(left, rate)| {
            let missing = u128::from(left.unsigned_abs());
            u64::try_from(missing * 60 / u128::from(rate.per_minute.max(1))).unwrap_or(u64::MAX)
        });
        us.max().map(|us| now + Duration::from_micros(us + 1))
    }

    fn refill(&mut self, quota: &Quota, now: Instant) {
        let elapsed = now.saturating_duration_since(self.counted).as_micros();
        for (left, rate) in self.left.iter_mut().zip(quota.rates()) {
            let back = u128::from(rate.per_minute) * elapsed / 60;
            let full = i64::from(rate.burst) * SCALE;
            *left = left.saturating_add(i64::try_from(back).unwrap_or(i64::MAX)).min(full);
        }
        self.counted = now;
    }

    /// Whether so much is missing that a new connection must not begin anew.
    pub(super) fn is_low(&mut self, quota: &Quota, now: Instant) -> bool {
        self.refill(quota, now);
        self.left.iter().zip(quota.rates()).any(|(left, rate)| *left < i64::from(rate.burst) * SCALE / 2)
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX / SCALE)
}

#[cfg(test)]
mod tests;
