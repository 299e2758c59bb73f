//! How often a name and an address may try, and who is locked out.

use std::{
    net::IpAddr,
    sync::{MutexGuard, PoisonError},
};

use aws_lc_rs::hmac;
use identity::attempts::{Attempts, Key, Verdict};
use model::Timestamp;
use store::{PersonRow, TotpRow};

use super::{Accounts, FAMILIAR_FOR, SignInError};
use crate::words::network_of;

impl Accounts {
    /// Whose tries count: those of the name in its network, of the address, and of the name in all networks where its
    /// person is not known to be. A name is asked for whether or not anybody has it.
    pub(super) async fn keys(
        &self,
        username: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Vec<Key>, store::Error> {
        let network = network_of(from);
        let mut keys = vec![Key::identity(username, &network), Key::address(from)];
        if !self.store.is_familiar(username, &network, now - FAMILIAR_FOR).await? {
            keys.push(Key::elsewhere(username));
        }
        Ok(keys)
    }

    /// Whoever comes so far knows the password: wrong ones are counted wherever they come from.
    pub(super) async fn try_second_factor(
        &self,
        person: &PersonRow,
        totp: &TotpRow,
        given: Option<&str>,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        if given.is_none() {
            return self.check_second_factor(person, totp, given, now).await;
        }
        let keys = [Key::second_factor(&person.id.to_string())];
        self.take_try(&keys, now)?;
        let checked = self.check_second_factor(person, totp, given, now).await;
        let mut attempts = self.attempts();
        match &checked {
            Ok(()) => attempts.succeeded(&keys, now),
            Err(SignInError::Wrong) => attempts.failed(&keys, now),
            Err(_) => attempts.give_back(&keys, now),
        }
        checked
    }

    /// A lock-out's name for those who may lift it. Nobody can try names against it: they may be passwords.
    pub fn lockout_id(&self, key: Key) -> String {
        let text = match key {
            Key::Identity(hash) | Key::Elsewhere(hash) => hex::encode(hash),
            Key::Address(address) => address.to_string(),
        };
        hex::encode(&hmac::sign(&self.lockout_key, text.as_bytes()).as_ref()[..16])
    }

    pub(super) fn take_try(&self, keys: &[Key], now: Timestamp) -> Result<(), SignInError> {
        match self.attempts().ask(keys, now) {
            Verdict::Go { .. } => Ok(()),
            Verdict::Wait { retry_after_s, .. } => {
                let retry_after_s = u32::try_from(retry_after_s).unwrap_or(u32::MAX);
                Err(SignInError::TooMany { retry_after_s })
            }
        }
    }

    /// Which names and addresses are locked out, those that end last first.
    pub fn locked(&self, now: Timestamp) -> Vec<(Key, Timestamp)> {
        let mut locked: Vec<_> = self.attempts().locked(now).collect();
        locked.sort_by_key(|(key, until)| (std::cmp::Reverse(*until), *key));
        locked
    }

    /// Lets a name or an address try again at once.
    pub fn unlock(&self, key: Key) {
        self.attempts().clear(key);
    }

    pub(super) fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
