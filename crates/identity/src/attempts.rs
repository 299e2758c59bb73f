//! How often somebody may try, and when wrong tries lock out: for each identity and each address.
//!
//! A pure state machine of bounded memory. It is asked before a secret is checked and told how that went.
//! It knows nothing of which identities exist, so its answers say nothing of it either.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
};

use aws_lc_rs::digest;
use model::{Micros, Timestamp};

use crate::steady_clock::SteadyClock;

/// Who tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A hash of the name that was given and the network that it came from, whether or not anybody has it.
    Identity([u8; 16]),
    /// A hash of the name, wherever it comes from that its person does not. It slows down and locks nobody out, or
    /// strangers could keep its person from signing in on a journey.
    Elsewhere([u8; 16]),
    /// An IPv4 address, or the first 64 bits of an IPv6 address: a customer has all the rest.
    Address(IpAddr),
}

/// What one key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many tries a window holds.
    pub tries_max: u32,
    pub window: Micros,
    /// Wrong tries that lock nothing yet.
    pub failures_free: u32,
    /// The first lock; each further wrong try doubles it.
    pub lock_first: Micros,
    /// Bounded, or whoever knows a name could lock its person out for good.
    pub lock_max: Micros,
    /// After so long without a wrong try all are forgotten.
    pub forget_after: Micros,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub identity: Rate,
    pub elsewhere: Rate,
    pub address: Rate,
    /// How many keys are kept. When there are more, those go first that have the fewest wrong tries
    /// beyond the free ones, and of these the one that matters for the shortest time.
    pub keys_max: usize,
}

/// For the headers `RateLimit-Policy` (limit, window) and `RateLimit` (remaining, reset).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub limit: u32,
    pub window_s: u64,
    pub remaining: u32,
    pub reset_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Go { quota: Quota },
    Wait { quota: Quota, retry_after_s: u64, why: WaitReason },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// Too many tries.
    Rate,
    /// Too many wrong ones.
    Locked,
}

/// The tries of all keys.
#[derive(Debug)]
pub struct Attempts {
    limits: Limits,
    entries: BTreeMap<Key, Entry>,
    /// When each entry stops to matter, soonest first.
    ends: BTreeSet<(Timestamp, Key)>,
    /// Which entry to part with first when the room is full. A flood of tries, right or wrong, makes room
    /// for itself among its own and lifts no lock.
    weights: BTreeSet<(u32, Timestamp, Key)>,
    clock: SteadyClock,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    window_start: Timestamp,
    tries: u32,
    failures: u32,
    failed_at: Timestamp,
    locked_until: Timestamp,
}

impl Key {
    /// The same for a name in small and capital letters. Strangers in other networks cannot use up its tries.
    pub fn identity(name: &str, network: &str) -> Self {
        Self::Identity(hash(&[name.trim().to_lowercase().as_bytes(), &[0], network.as_bytes()]))
    }

    /// Whoever has this session: only they know it.
    pub fn session(id: &str) -> Self {
        Self::Identity(hash(&[&[0], id.as_bytes()]))
    }

    /// Whoever knows this person's password, wherever they come from, and tries the second factor.
    pub fn second_factor(person: &str) -> Self {
        Self::Identity(hash(&[&[1], person.as_bytes()]))
    }

    /// A name that is tried where its person is not known to be.
    pub fn elsewhere(name: &str) -> Self {
        Self::Elsewhere(hash(&[name.trim().to_lowercase().as_bytes()]))
    }

    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::Address(address.into()),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Self::Address(Ipv6Addr::from_bits(network).into())
            }
        }
    }
}

fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut key = [0; 16];
    key.copy_from_slice(&context.finish().as_ref()[..16]);
    key
}

impl Limits {
    /// For signing in and for codes: a person mistypes, a machine guesses.
    pub const SIGN_IN: Self = Self {
        identity: Rate {
            tries_max: 10,
            window: Micros::MINUTE,
            failures_free: 5,
            lock_first: Micros::from_secs(30),
            lock_max: Micros(15 * Micros::MINUTE.0),
            forget_after: Micros::DAY,
        },
        elsewhere: Rate {
            tries_max: 30,
            window: Micros::MINUTE,
            failures_free: u32::MAX,
            lock_first: Micros::ZERO,
            lock_max: Micros::ZERO,
            forget_after: Micros::MINUTE,
        },
        // Many people may stand behind one address.
        address: Rate {
            tries_max: 60,
            window: Micros::MINUTE,
            failures_free: 30,
            lock_first: Micros::from_secs(30),
            lock_max: Micros::HOUR,
            forget_after: Micros::DAY,
        },
        keys_max: 100_000,
    };

    const fn of(&self, key: Key) -> &Rate {
        match key {
            Key::Identity(_) => &self.identity,
            Key::Elsewhere(_) => &self.elsewhere,
            Key::Address(_) => &self.address,
        }
    }
}

impl Attempts {
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: BTreeMap::new(),
            ends: BTreeSet::new(),
            weights: BTreeSet::new(),
            clock: SteadyClock::NEW,
        }
    }

    /// Whether these keys may try now; if so the try is counted for each of them.
    pub fn ask(&mut self, keys: &[Key], now: Timestamp) -> Verdict {
        let now = self.clock.read(now);
        let waits = keys.iter().filter_map(|key| self.wait(*key, now)).max_by_key(|(until, _)| *until);
        if waits.is_none() {
            keys.iter().for_each(|key| self.change(*key, now, |entry, _| entry.tries += 1));
        }
        let quota = self.quota(keys, now);
        match waits {
            Some((until, why)) => Verdict::Wait { quota, retry_after_s: seconds(until.since(now)), why },
            None => Verdict::Go { quota },
        }
    }

    /// The secret was wrong.
    pub fn failed(&mut self, keys: &[Key], now: Timestamp) {
        let now = self.clock.read(now);
        for key in keys {
            self.change(*key, now, |entry, rate| {
                entry.failures = entry.failures.saturating_add(1);
                entry.failed_at = now;
                if let Some(doublings) = entry.failures_beyond(rate).checked_sub(1) {
                    let factor =
                        1_i64.checked_shl(doublings).filter(|factor| *factor > 0).unwrap_or(i64::MAX);
                    let lock = rate.lock_first.0.saturating_mul(factor).min(rate.lock_max.0);
                    entry.locked_until = now + Micros(lock);
                }
            });
        }
    }

    /// The secret was right: the try is given back, and the identity's wrong tries are forgotten. Those of the
    /// address are not, or an account of one's own would give endless tries at others.
    pub fn succeeded(&mut self, keys: &[Key], now: Timestamp) {
        self.give_back(keys, now);
        let now = self.clock.read(now);
        for key in keys.iter().filter(|key| matches!(key, Key::Identity(_))) {
            self.change(*key, now, |entry, _| {
                entry.failures = 0;
                entry.locked_until = Timestamp::MIN;
            });
        }
    }

    /// Nothing was guessed: the try counts for nothing.
    pub fn give_back(&mut self, keys: &[Key], now: Timestamp) {
        let now = self.clock.read(now);
        for key in keys {
            self.change(*key, now, |entry, _| entry.tries = entry.tries.saturating_sub(1));
        }
    }

    /// Who is locked out now, and until when.
    pub fn locked(&self, now: Timestamp) -> impl Iterator<Item = (Key, Timestamp)> {
        let now = self.clock.peek(now);
        let locked = self.entries.iter().filter(move |(_, entry)| entry.locked_until > now);
        locked.map(|(key, entry)| (*key, self.clock.shown_at(entry.locked_until)))
    }

    /// Lifts what holds a key.
    pub fn clear(&mut self, key: Key) {
        self.take(key);
    }

    /// How many keys are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn wait(&self, key: Key, now: Timestamp) -> Option<(Timestamp, WaitReason)> {
        let rate = self.limits.of(key);
        let entry = self.entries.get(&key)?.at(rate, now);
        if entry.locked_until > now {
            return Some((entry.locked_until, WaitReason::Locked));
        }
        (entry.tries >= rate.tries_max).then(|| (entry.window_start + rate.window, WaitReason::Rate))
    }

    /// Of the key that has the fewest tries left.
    fn quota(&self, keys: &[Key], now: Timestamp) -> Quota {
        let quota = |key: &Key| {
            let rate = self.limits.of(*key);
            let entry = self.entries.get(key).copied().unwrap_or_else(|| Entry::new(now)).at(rate, now);
            Quota {
                limit: rate.tries_max,
                window_s: seconds(rate.window),
                remaining: rate.tries_max.saturating_sub(entry.tries),
                reset_s: seconds((entry.window_start + rate.window).since(now)),
            }
        };
        let none = Quota { limit: 0, window_s: 0, remaining: 0, reset_s: 0 };
        keys.iter().map(quota).min_by_key(|quota| quota.remaining).unwrap_or(none)
    }

    fn change(&mut self, key: Key, now: Timestamp, change: impl FnOnce(&mut Entry, &Rate)) {
        let rate = *self.limits.of(key);
        let mut entry = self.take(key).map_or_else(|| Entry::new(now), |entry| entry.at(&rate, now));
        change(&mut entry, &rate);
        self.make_room(now);
        let end = entry.end(&rate);
        self.ends.insert((end, key));
        self.weights.insert((entry.failures_beyond(&rate), end, key));
        self.entries.insert(key, entry);
    }

    fn take(&mut self, key: Key) -> Option<Entry> {
        let rate = *self.limits.of(key);
        let entry = self.entries.remove(&key)?;
        let end = entry.end(&rate);
        self.ends.remove(&(end, key));
        self.weights.remove(&(entry.failures_beyond(&rate), end, key));
        Some(entry)
    }

    /// Drops what does not matter any more, and one that does when the room is full.
    fn make_room(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.ends.first().copied().filter(|(end, _)| *end <= now) {
            self.take(key);
        }
        while self.entries.len() >= self.limits.keys_max
            && let Some((_, _, key)) = self.weights.first().copied()
        {
            self.take(key);
        }
    }
}

impl Entry {
    const fn new(now: Timestamp) -> Self {
        Self {
            window_start: now,
            tries: 0,
            failures: 0,
            failed_at: Timestamp::MIN,
            locked_until: Timestamp::MIN,
        }
    }

    /// As it is at `now`: a window that is over begins anew, old failures are forgotten.
    fn at(mut self, rate: &Rate, now: Timestamp) -> Self {
        if now.since(self.window_start) >= rate.window {
            (self.window_start, self.tries) = (now, 0);
        }
        if self.failures > 0 && now.since(self.failed_at) >= rate.forget_after {
            self.failures = 0;
        }
        self
    }

    /// Wrong tries that are not free any more: each of them locked the key for longer.
    const fn failures_beyond(&self, rate: &Rate) -> u32 {
        self.failures.saturating_sub(rate.failures_free)
    }

    fn end(&self, rate: &Rate) -> Timestamp {
        let failures = if self.failures > 0 { self.failed_at + rate.forget_after } else { Timestamp::MIN };
        (self.window_start + rate.window).max(self.locked_until).max(failures)
    }
}

/// Rounded up: who comes back then may go.
fn seconds(span: Micros) -> u64 {
    u64::try_from(span.0).unwrap_or_default().div_ceil(1_000_000)
}

#[cfg(test)]
mod tests;
