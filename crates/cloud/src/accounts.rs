//! Signing in: the built-in first-run account, sessions, and what slows a guesser down.

use std::{fmt, net::IpAddr, path::Path, sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use aws_lc_rs::{digest, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{Micros, Timestamp};
use store::{SessionRow, Store};
use tokio::sync::Semaphore;

use crate::{
    limits::{Budget, Rate, household, seconds_up},
    pki::PkiError,
};

/// The account that the first start makes.
pub const OPERATOR: &str = "operator";
/// A working day; then the password is asked again.
const SESSION: Micros = Micros(12 * Micros::HOUR.0);
/// A hash takes 19 MiB and 20 ms: more at once would let strangers eat the machine.
const HASHES_AT_ONCE: usize = 2;
/// How long somebody waits for others' hashes.
const HASH_PATIENCE: Duration = Duration::from_secs(2);
/// Wrong passwords of one address: people mistype three times.
const GUESSES: Rate = Rate { at_once: 5, every: Micros::MINUTE };

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the name or the password is wrong")]
    Wrong,
    #[error("too many wrong passwords from your address; wait a little")]
    TooMany { retry_after_s: u32 },
    #[error("too many people sign in at once; try again in a second")]
    Busy,
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Random(#[from] PkiError),
}

/// Why the first account could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FirstRunError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Random(#[from] PkiError),
    #[error("the password could not be hashed; is there 19 MiB of free memory?")]
    Hash,
    #[error("cannot write the operator's password to {path}; check the folder's owner and free space")]
    File { path: String, source: std::io::Error },
}

/// A secret that names an open session.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// An account's session that was just opened.
#[derive(Debug, Clone)]
pub struct Opened {
    pub token: Token,
    pub expires_at: Timestamp,
    pub username: String,
}

/// Signs people in and out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Accounts {
    store: Store,
    hashing: Arc<Semaphore>,
    guesses: Arc<Budget<IpAddr>>,
    /// Verified when there is no such account, so that both take the same time.
    decoy: Arc<str>,
}

impl Accounts {
    pub fn new(store: Store) -> Result<Self, FirstRunError> {
        let decoy = hash(&secret()?).ok_or(FirstRunError::Hash)?;
        let hashing = Arc::new(Semaphore::new(HASHES_AT_ONCE));
        Ok(Self { store, hashing, guesses: Arc::new(Budget::new(GUESSES)), decoy: decoy.into() })
    }

    /// Makes the operator's account with a drawn password at the first start, and keeps the password in a
    /// file that only the platform's user can read. `true` when it was made.
    pub async fn first_run(&self, password_file: &Path, now: Timestamp) -> Result<bool, FirstRunError> {
        if self.store.account(OPERATOR).await?.is_some() {
            return Ok(false);
        }
        let password = secret()?;
        let hash = hash(&password).ok_or(FirstRunError::Hash)?;
        // The file first: an account whose password nobody knows would be worse than a spare file.
        crate::pki::write_secret_file(password_file, &format!("{password}\n"))
            .map_err(|source| FirstRunError::File { path: password_file.display().to_string(), source })?;
        Ok(self.store.add_account(OPERATOR, &hash, now).await?)
    }

    /// Opens a session for who knows the password. Guessing slows down the address that guesses and nobody
    /// else: an account cannot be locked from outside.
    pub async fn sign_in(
        &self,
        username: &str,
        password: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Opened, SignInError> {
        let from = household(from);
        self.guesses
            .take(from, now)
            .map_err(|wait| SignInError::TooMany { retry_after_s: seconds_up(wait) })?;
        let account = self.store.account(username).await?;
        let known = account.map_or_else(|| self.decoy.to_string(), |account| account.password_hash);
        if !self.verify(password.to_owned(), known).await? {
            return Err(SignInError::Wrong);
        }
        self.guesses.give_back(from);
        let token = Token(format!("mq_{}", secret()?));
        let expires_at = now + SESSION;
        self.store.add_session(&token_hash(&token.0), username, now, expires_at).await?;
        tracing::info!(username, "signed in");
        Ok(Opened { token, expires_at, username: username.to_owned() })
    }

    /// The session of a token. It is looked up by its hash, so that no comparison tells how close a guess
    /// was.
    pub async fn session(&self, token: &str, now: Timestamp) -> Result<Option<SessionRow>, store::Error> {
        self.store.session(&token_hash(token), now).await
    }

    pub async fn sign_out(&self, token: &str) -> Result<(), store::Error> {
        self.store.end_session(&token_hash(token)).await
    }

    async fn verify(&self, password: String, hash: String) -> Result<bool, SignInError> {
        let permit = Arc::clone(&self.hashing).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(HASH_PATIENCE, permit).await else {
            return Err(SignInError::Busy);
        };
        let work = move || {
            let _permit = permit;
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        };
        Ok(tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())))
    }
}

/// 192 bits of chance as text that people can paste.
fn secret() -> Result<String, PkiError> {
    let mut bytes = [0; 24];
    rand::fill(&mut bytes).map_err(|_| PkiError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn hash(password: &str) -> Option<String> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).ok()?;
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

fn token_hash(token: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

#[cfg(test)]
mod tests;
