//! What slows a guesser down: each address has a few passwords to try, and gets a new one each minute.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{Micros, Timestamp};

/// Passwords that an address may try at once; people mistype three times.
pub(super) const TRIES_MAX: i64 = 5;
/// After this an address may try one more.
pub(super) const TRY_EVERY: Micros = Micros::MINUTE;
/// Addresses that are remembered. When there are more, those whose tries are all back are forgotten; when even
/// that is not enough, a botnet is at work, and it shares the tries of one address.
const ADDRESSES_MAX: usize = 16_384;

/// Who tried how much. In memory only: a restart is not something that a guesser can cause.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<IpAddr, Timestamp>>);

impl Guesses {
    /// Takes one of the address's tries, or says how long to wait for the next.
    ///
    /// What is kept is the time at which all tries are back; each try moves it by [`TRY_EVERY`].
    pub(super) fn take(&self, from: IpAddr, now: Timestamp) -> Result<(), Micros> {
        let mut known = self.lock();
        if known.len() >= ADDRESSES_MAX {
            known.retain(|_, full_at| *full_at > now);
        }
        let mut from = household(from);
        if known.len() >= ADDRESSES_MAX && !known.contains_key(&from) {
            from = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        }
        let full_at = known.entry(from).or_insert(now);
        let next = (*full_at).max(now) + TRY_EVERY;
        let ahead = next.since(now);
        let most = Micros(TRIES_MAX * TRY_EVERY.0);
        if ahead > most {
            return Err(Micros(ahead.0 - most.0));
        }
        *full_at = next;
        Ok(())
    }

    /// The password was right: the try was none.
    pub(super) fn give_back(&self, from: IpAddr) {
        if let Some(full_at) = self.lock().get_mut(&household(from)) {
            *full_at = *full_at - TRY_EVERY;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One customer of a provider has a /64 of IPv6, and may take any address of it.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}
