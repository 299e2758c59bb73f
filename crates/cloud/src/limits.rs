//! How much one address, one account or one car may ask for, and how often it is told of.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{Micros, Timestamp};

/// Who is remembered. When there are more, those whose tries are all back are forgotten; when even that is not
/// enough, a botnet is at work, and all whom it crowds out share the tries of one.
const KNOWN_MAX: usize = 16_384;

/// So many at once, and one more every so often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) at_once: i64,
    pub(crate) every: Micros,
}

/// Who tried how much. In memory only: a restart is not something that a guesser can cause.
#[derive(Debug)]
pub(crate) struct Budget<K> {
    rate: Rate,
    known: Mutex<Known<K>>,
}

#[derive(Debug)]
struct Known<K> {
    /// When all tries of somebody are back; each try moves it. `None` is who finds no room.
    full_at: HashMap<Option<K>, Timestamp>,
    /// When those whose tries were all back were forgotten last.
    tidied_at: Timestamp,
}

/// Looking through all who are known is dear just when many try.
const TIDIED_EVERY: Micros = Micros::SECOND;

impl<K: Eq + Hash + Copy> Budget<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, known: Mutex::new(Known { full_at: HashMap::new(), tidied_at: Timestamp::MIN }) }
    }

    /// Takes a try, and says how many are left; or how long to wait for the next.
    pub(crate) fn take(&self, who: K, now: Timestamp) -> Result<i64, Micros> {
        let mut known = self.lock();
        let Known { full_at: known, tidied_at } = &mut *known;
        if known.len() >= KNOWN_MAX && now.since(*tidied_at) >= TIDIED_EVERY {
            known.retain(|_, full_at| *full_at > now);
            *tidied_at = now;
        }
        let who = Some(who).filter(|_| known.len() < KNOWN_MAX || known.contains_key(&Some(who)));
        let full_at = known.entry(who).or_insert(now);
        let next = (*full_at).max(now) + self.rate.every;
        let over = Micros(next.since(now).0 - self.rate.at_once * self.rate.every.0);
        if over > Micros(0) {
            return Err(over);
        }
        *full_at = next;
        Ok(-over.0 / self.rate.every.0)
    }

    /// It was a good one, and costs nothing.
    pub(crate) fn give_back(&self, who: K) {
        if let Some(full_at) = self.lock().full_at.get_mut(&Some(who)) {
            *full_at = *full_at - self.rate.every;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known<K>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Strangers who are told of apart from each other. They have as many addresses as they like, and what is told of them
/// may be kept for ever.
pub(crate) const STRANGERS_TOLD_MAX: usize = 128;

/// How often somebody is told of: at once, and then not again for a while. What comes meanwhile is counted, and the
/// count goes with the next.
#[derive(Debug)]
pub(crate) struct Telling<K> {
    every: Micros,
    /// So many are told of apart from each other in this time, and the others as one.
    room: usize,
    /// `None` is who finds no room.
    told: HashMap<Option<K>, Told>,
    tidied_at: Timestamp,
}

#[derive(Debug)]
struct Told {
    at: Timestamp,
    /// How many came since.
    untold: u32,
}

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tale {
    /// Of how many.
    pub(crate) count: u32,
    /// They are of many, and have nothing in common with the last of them.
    pub(crate) of_crowd: bool,
}

impl<K: Eq + Hash + Copy> Telling<K> {
    /// Of those who are known.
    pub(crate) fn new(every: Micros) -> Self {
        Self { every, room: KNOWN_MAX, told: HashMap::new(), tidied_at: Timestamp::MIN }
    }

    pub(crate) fn of_strangers(every: Micros) -> Self {
        Self { room: STRANGERS_TOLD_MAX, ..Self::new(every) }
    }

    /// One more. How many to tell of, with this one; nothing when they were told of a moment ago.
    pub(crate) fn tell(&mut self, who: K, now: Timestamp) -> Option<u32> {
        self.tale(who, now).map(|tale| tale.count)
    }

    /// The same, and whether it is of this one alone.
    pub(crate) fn tale(&mut self, who: K, now: Timestamp) -> Option<Tale> {
        // Of a clock that was set back nobody knows how long it will take to come here again.
        let every = self.every;
        let is_fresh = |at: Timestamp| (Micros(0)..every).contains(&now.since(at));
        if self.told.len() >= self.room && now.since(self.tidied_at) >= TIDIED_EVERY {
            self.told.retain(|_, told| is_fresh(told.at));
            self.tidied_at = now;
        }
        let who = Some(who).filter(|_| self.told.len() < self.room || self.told.contains_key(&Some(who)));
        let of_crowd = who.is_none();
        let told = match self.told.entry(who) {
            Entry::Vacant(place) => {
                place.insert(Told { at: now, untold: 0 });
                return Some(Tale { count: 1, of_crowd });
            }
            Entry::Occupied(place) => place.into_mut(),
        };
        told.untold = told.untold.saturating_add(1);
        if is_fresh(told.at) {
            return None;
        }
        told.at = now;
        Some(Tale { count: std::mem::take(&mut told.untold), of_crowd })
    }
}

/// Whole seconds to wait, as Retry-After has them (RFC 9110, 10.2.3): not one too few.
pub(crate) fn seconds_up(wait: Micros) -> u32 {
    u32::try_from(wait.0.max(0).unsigned_abs().div_ceil(Micros::SECOND.0.unsigned_abs())).unwrap_or(u32::MAX)
}

/// One customer of a provider has a /64 of IPv6, and may take any address of it.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_S: Micros = Micros::from_secs(10);

    #[test]
    fn tries_run_out_and_come_back() {
        let budget = Budget::new(Rate { at_once: 2, every: TEN_S });
        let now = Timestamp(0);
        assert_eq!(budget.take(1, now), Ok(1));
        assert_eq!(budget.take(1, now), Ok(0));
        assert_eq!(budget.take(1, now), Err(TEN_S));
        assert_eq!(budget.take(2, now), Ok(1));
        assert_eq!(budget.take(1, now + TEN_S), Ok(0));
        assert!(budget.take(1, now + TEN_S).is_err());
        budget.give_back(1);
        assert_eq!(budget.take(1, now + TEN_S), Ok(0));
    }

    #[test]
    fn what_was_told_a_moment_ago_is_counted_and_told_with_the_next() {
        let mut telling = Telling::new(TEN_S);
        let now = Timestamp(0);
        assert_eq!(telling.tell(1, now), Some(1));
        assert_eq!(telling.tell(1, now + TEN_S - Micros(1)), None);
        assert_eq!(telling.tell(2, now), Some(1));
        assert_eq!(telling.tell(1, now + TEN_S), Some(2));
        assert_eq!(telling.tell(1, now + TEN_S), None);
        // The clock was set back.
        assert_eq!(telling.tell(1, now), Some(2));
    }

    #[test]
    fn a_crowd_is_told_of_as_one() {
        let mut telling = Telling::new(TEN_S);
        let now = Timestamp(0);
        for who in 0..=KNOWN_MAX {
            assert_eq!(telling.tell(who, now), Some(1));
        }
        assert_eq!(telling.tell(KNOWN_MAX + 1, now), None);
        assert_eq!(telling.tell(KNOWN_MAX + 2, now + TEN_S), Some(1));
    }

    #[test]
    fn of_a_crowd_of_strangers_few_are_told_apart() {
        let mut telling = Telling::of_strangers(TEN_S);
        let now = Timestamp(0);
        let told: Vec<_> = (0..10_000).filter_map(|who| telling.tale(who, now)).collect();
        assert_eq!(told.len(), STRANGERS_TOLD_MAX + 1);
        let crowd = |count| Some(Tale { count, of_crowd: true });
        assert_eq!((told.last().copied(), told[0].of_crowd), (crowd(1), false));
        // Those who came first go on to be told of apart, and room comes back with time.
        assert_eq!(telling.tale(0, now), None);
        assert_eq!(telling.tale(10_000, now + TEN_S), Some(Tale { count: 1, of_crowd: false }));
    }

    #[test]
    fn a_crowd_shares_the_tries_of_one() {
        let budget = Budget::new(Rate { at_once: 1, every: TEN_S });
        let now = Timestamp(0);
        for who in 0..KNOWN_MAX {
            budget.take(who, now).unwrap();
        }
        assert_eq!(budget.take(KNOWN_MAX, now), Ok(0));
        assert_eq!(budget.take(KNOWN_MAX + 1, now), Err(TEN_S));
        // Those who came before keep their own, and room comes back with time.
        assert_eq!(budget.take(0, now), Err(TEN_S));
        assert_eq!(budget.take(KNOWN_MAX + 1, now + TEN_S), Ok(0));
    }

    #[test]
    fn a_wait_is_rounded_up_to_seconds() {
        let waits = [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2)];
        for (micros, seconds) in waits {
            assert_eq!(seconds_up(Micros(micros)), seconds);
        }
    }
}
