//! Setting a password by a one-time link.

use std::net::IpAddr;

use identity::attempts::Key;
use model::{PersonId, Timestamp};

use super::{Accounts, SignInError, hash, token_hash};

impl Accounts {
    /// Whose one-time link it is. Guessing slows down the address that guesses, as wrong passwords do.
    pub async fn whose_reset(
        &self,
        token: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<PersonId, SignInError> {
        let keys = [Key::address(from)];
        self.take_try(&keys, now)?;
        let whose = self.store.credential_reset(&token_hash(token), now).await?;
        match whose {
            Some(_) => self.attempts().succeeded(&keys, now),
            None => self.attempts().failed(&keys, now),
        }
        whose.ok_or(SignInError::Wrong)
    }

    /// Uses a one-time link up: the password is its person's from now on.
    pub async fn take_reset(&self, token: &str, password: &str, now: Timestamp) -> Result<(), SignInError> {
        let password = password.to_owned();
        let hashed = self.at_once(move || hash(&password)).await?.ok_or(SignInError::Busy)?;
        let mut tx = self.store.begin().await?;
        let whose = tx.take_credential_reset(&token_hash(token), now).await?;
        tx.set_password(whose.ok_or(SignInError::Wrong)?, Some(&hashed)).await?;
        tx.commit().await?;
        Ok(())
    }
}
