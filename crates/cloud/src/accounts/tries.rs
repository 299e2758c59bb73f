//! How often a name and an address may try, and who is locked out.

use std::{
    net::IpAddr,
    sync::{MutexGuard, PoisonError},
};

use identity::attempts::{Attempts, Key, Verdict};
use model::Timestamp;

use super::{Accounts, SignInError};
use crate::words::network_of;

impl Accounts {
    /// Whose tries count: the name's and the address's. A name is asked for whether or not anybody has it.
    pub(super) async fn keys(
        &self,
        username: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<[Key; 2], store::Error> {
        let network = network_of(from);
        let is_familiar = self.store.has_session_from(username, &network, now).await?;
        let name = if is_familiar { Key::identity_at(username, &network) } else { Key::identity(username) };
        Ok([name, Key::address(from)])
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
