//! How long to wait before the next attempt to connect.

use model::{Micros, VehicleId};

/// The longest wait for a turn: what was before at the door goes in or away within 10 s.
const TURN: Micros = Micros::from_secs(20);
/// How often one waits for a turn: a platform takes no longer to find out who is who, or never does.
const TURNS_MAX: u32 = 8;

/// The shortest and the longest wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffLimits {
    pub min: Micros,
    pub max: Micros,
}

impl Default for BackoffLimits {
    /// A second is long for a driver who waits; in five minutes a platform with millions of cars
    /// must see not all of them at once.
    fn default() -> Self {
        Self { min: Micros::SECOND, max: Micros(5 * Micros::MINUTE.0) }
    }
}

/// Doubles the wait with each failure. Each car draws its own, between half and all of it, so that
/// cars that lost the link together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    limits: BackoffLimits,
    failures: u32,
    turns: u32,
    random: u64,
}

impl Backoff {
    pub(crate) fn new(limits: BackoffLimits, vehicle: VehicleId) -> Self {
        // The id is 128 random bits already.
        let (_, low) = vehicle.as_bytes().split_at(8);
        let seed = low.try_into().map_or(1, u64::from_le_bytes);
        Self { limits, failures: 0, turns: 0, random: seed | 1 }
    }

    /// The link works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
        self.turns = 0;
    }

    /// The wait after one more failure.
    pub(crate) fn next_wait(&mut self) -> Micros {
        let doubled = self.limits.min.0.saturating_mul(1_i64 << self.failures.min(30));
        let longest = doubled.clamp(1, self.limits.max.0.max(1));
        self.failures = self.failures.saturating_add(1);
        self.spread(longest)
    }

    /// The wait when another connection of this car stands at the platform's door: less than the platform keeps
    /// the car's turn. Not for ever: a platform may say that it is busy because it is.
    pub(crate) fn wait_for_turn(&mut self) -> Micros {
        if self.turns == TURNS_MAX {
            return self.next_wait();
        }
        self.turns += 1;
        self.spread(TURN.0.min(self.limits.max.0.max(1)))
    }

    fn spread(&mut self, longest: i64) -> Micros {
        let half = longest / 2;
        let drawn = i64::try_from(self.draw() >> 1).unwrap_or(0) % (longest - half + 1);
        Micros(half + drawn)
    }

    /// xorshift64*: spreads cars apart and need not be secret.
    fn draw(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(id: u8) -> Backoff {
        Backoff::new(BackoffLimits::default(), VehicleId::from_bytes([id; 16]))
    }

    #[test]
    fn waits_double_up_to_the_limit() {
        let mut backoff = backoff(7);
        let mut longest = Micros::SECOND.0;
        for _ in 0..40 {
            let wait = backoff.next_wait().0;
            assert!((longest / 2..=longest).contains(&wait), "{wait} of {longest}");
            longest = (longest * 2).min(5 * Micros::MINUTE.0);
        }
    }

    #[test]
    fn cars_draw_different_waits_and_start_small_again_after_a_reset() {
        let (mut a, mut b) = (backoff(7), backoff(8));
        let differ = (0..10).filter(|_| a.next_wait() != b.next_wait()).count();
        assert!(differ >= 8);
        a.reset();
        assert!(a.next_wait() <= Micros::SECOND);
    }

    #[test]
    fn a_car_waits_for_its_turn_shorter_than_the_platform_keeps_it_however_often_it_failed() {
        let mut backoff = backoff(7);
        for _ in 0..20 {
            backoff.next_wait();
        }
        for _ in 0..TURNS_MAX {
            let wait = backoff.wait_for_turn().0;
            assert!((TURN.0 / 2..=TURN.0).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn a_platform_that_is_always_busy_is_asked_less_and_less() {
        let mut backoff = backoff(7);
        for _ in 0..TURNS_MAX + 20 {
            backoff.wait_for_turn();
        }
        assert!(backoff.wait_for_turn() >= Micros::from_secs(150));
        backoff.reset();
        assert!(backoff.wait_for_turn() <= TURN);
    }
}
