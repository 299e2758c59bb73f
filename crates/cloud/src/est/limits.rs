//! What one address and one car may ask for.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{Micros, Timestamp};

/// Who is remembered. When there are more, those whose tries are all back are forgotten; when even that is not
/// enough, strangers wait: memory is bounded.
const KNOWN_MAX: usize = 65_536;

/// So many at once, and one more every so often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) at_once: i64,
    pub(super) every_s: i64,
}

/// Who asked how much. In memory only.
#[derive(Debug)]
pub(super) struct Budget<K> {
    rate: Rate,
    /// When all tries are back.
    full_at: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Eq + Hash> Budget<K> {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, full_at: Mutex::default() }
    }

    /// Takes a try, or says how many seconds until the next.
    pub(super) fn take(&self, who: K, now: Timestamp) -> Result<(), u32> {
        let mut known = self.lock();
        if known.len() >= KNOWN_MAX {
            known.retain(|_, full_at| *full_at > now);
        }
        let every = Micros::from_secs(self.rate.every_s);
        if known.len() >= KNOWN_MAX && !known.contains_key(&who) {
            return Err(seconds(every));
        }
        let full_at = known.entry(who).or_insert(now);
        let next = (*full_at).max(now) + every;
        let over = next.since(now).0 - self.rate.at_once * every.0;
        if over > 0 {
            return Err(seconds(Micros(over)));
        }
        *full_at = next;
        Ok(())
    }

    /// It was a good one, and costs nothing.
    pub(super) fn give_back(&self, who: K) {
        if let Some(full_at) = self.lock().get_mut(&who) {
            *full_at = *full_at - Micros::from_secs(self.rate.every_s);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Timestamp>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rounded up.
fn seconds(wait: Micros) -> u32 {
    u32::try_from(wait.0.div_euclid(Micros::SECOND.0) + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_run_out_and_come_back() {
        let budget = Budget::new(Rate { at_once: 2, every_s: 10 });
        let now = Timestamp(0);
        assert_eq!(budget.take(1, now), Ok(()));
        assert_eq!(budget.take(1, now), Ok(()));
        assert_eq!(budget.take(1, now), Err(11));
        assert_eq!(budget.take(2, now), Ok(()));
        assert_eq!(budget.take(1, now + Micros::from_secs(10)), Ok(()));
        assert!(budget.take(1, now + Micros::from_secs(10)).is_err());
        budget.give_back(1);
        assert_eq!(budget.take(1, now + Micros::from_secs(10)), Ok(()));
    }
}
