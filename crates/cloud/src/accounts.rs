//! Signing in: accounts with a password and a second factor, the first account, and sessions.
//!
//! Invariants, as absences: no password and no token is kept, only hashes; no second factor unsealed; no answer tells
//! whether a name exists.

use std::{
    fmt,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use aws_lc_rs::{digest, hmac, rand};
use identity::{
    Assignment, Brands, Function, Link, Person, Realm,
    attempts::{Attempts, Key, Limits},
};
use model::{Brand, Micros, PersonId, Region, Timestamp};
use store::{LinkRow, PersonRow, RoleRow, SessionOrigin, SessionRow, Store};
use tokio::sync::Semaphore;

use crate::{
    changes::Changes,
    ownership::OrganisationKind,
    pki::PkiError,
    random,
    seal::{SealError, Sealer},
};

mod elsewhere;
mod resets;
mod second_factor;
mod tries;

pub use second_factor::NewSecondFactor;

/// The account that the first start makes.
pub const OPERATOR: &str = "operator";
/// What the first account may do: all that staff may, so that a laptop shows everything.
const OPERATOR_FUNCTIONS: [Function; 6] = [
    Function::Operations,
    Function::Updates,
    Function::Security,
    Function::Privacy,
    Function::Support,
    Function::Administrator,
];
/// A working day; then the password is asked again.
const SESSION: Micros = Micros(12 * Micros::HOUR.0);
/// Who signed in from a network in the last quarter of a year is known there.
pub(crate) const FAMILIAR_FOR: Micros = Micros(90 * Micros::DAY.0);
/// How long a proof of who one is counts for what is dangerous.
pub const PROVEN: Micros = Micros(10 * Micros::MINUTE.0);
/// A hash takes 19 MiB and 20 ms: more at once would let strangers eat the machine.
const HASHES_AT_ONCE: usize = 2;
/// How long somebody waits for others' hashes.
const HASH_PATIENCE: Duration = Duration::from_secs(2);

/// Why somebody is not who they say to be, as far as this can tell.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the name, the password or the one-time password is wrong")]
    Wrong,
    /// The password was right.
    #[error("the account has a second factor; give `one_time_password` too")]
    SecondFactor,
    #[error("too many wrong tries for this name, or from your address; wait a little")]
    TooMany { retry_after_s: u32 },
    #[error("too many people sign in at once; try again in a second")]
    Busy,
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Seal(#[from] SealError),
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
    #[error(
        "another node made the first account in the same moment, and the password in {path} is not its; start again"
    )]
    Taken { path: String },
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
    pub session: Session,
}

/// Whose session a request is made in, and what they were told to do.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: String,
    pub person: Person,
    pub username: String,
    /// Where notices and one-time links go.
    pub address: Option<String>,
    pub has_second_factor: bool,
    pub expires_at: Timestamp,
    /// When they last proved who they are.
    pub proven_at: Timestamp,
    /// What the configuration calls the provider that the account comes from; none of accounts of our own.
    pub identity_provider: Option<String>,
}

impl Session {
    /// Whether the proof is fresh enough for what is dangerous.
    pub fn is_proven(&self, now: Timestamp) -> bool {
        now.since(self.proven_at) < PROVEN
    }
}

/// What somebody says to prove who they are.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    pub password: &'a str,
    pub one_time_password: Option<&'a str>,
}

impl fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

/// Signs people in and out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Accounts {
    store: Store,
    region: Region,
    sealer: Sealer,
    hashing: Arc<Semaphore>,
    attempts: Arc<Mutex<Attempts>>,
    /// Drawn at each start, as attempts are counted anew.
    lockout_key: Arc<hmac::Key>,
    changes: Changes,
    /// Verified when there is no such account, so that both take the same time.
    decoy: Arc<str>,
}

impl Accounts {
    pub fn new(
        store: Store,
        region: Region,
        sealer: Sealer,
        changes: Changes,
    ) -> Result<Self, FirstRunError> {
        let decoy = hash(&random::secret()?).ok_or(FirstRunError::Hash)?;
        let hashing = Arc::new(Semaphore::new(HASHES_AT_ONCE));
        let attempts = Arc::new(Mutex::new(Attempts::new(Limits::SIGN_IN)));
        let lockout_key = Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &random::bytes::<32>()?));
        Ok(Self { store, region, sealer, hashing, attempts, lockout_key, changes, decoy: decoy.into() })
    }

    /// Makes the operator's account with a drawn password at the first start, and keeps the password in a
    /// file that only the platform's user can read; it is told to do all that staff may. `true` when it was made.
    /// Nothing is done where anybody was ever told to do anything, whatever the first account is called now.
    pub async fn first_run(&self, password_file: &Path, now: Timestamp) -> Result<bool, FirstRunError> {
        if self.store.has_roles(&self.region).await? {
            return Ok(false);
        }
        let known = self.store.person_named(OPERATOR).await?;
        let (person, made) = match known {
            Some(person) => (person, false),
            None => (self.draw_operator(password_file, now)?, true),
        };
        let mut tx = self.store.begin().await?;
        if made && !tx.add_person(&person).await? {
            return Err(FirstRunError::Taken { path: password_file.display().to_string() });
        }
        for function in OPERATOR_FUNCTIONS {
            tx.add_role(&RoleRow {
                id: random::name()?,
                person: person.id,
                function: function.slug().to_owned(),
                brands: Brand::ALL.to_vec(),
                region: self.region.clone(),
                starts_at: now,
                ends_at: None,
                created_at: now,
                created_by: None,
            })
            .await?;
        }
        tx.commit().await?;
        Ok(made)
    }

    fn draw_operator(&self, password_file: &Path, now: Timestamp) -> Result<PersonRow, FirstRunError> {
        let password = random::secret()?;
        let hash = hash(&password).ok_or(FirstRunError::Hash)?;
        // The file first: an account whose password nobody knows would be worse than a spare file.
        crate::pki::write_secret_file(password_file, &format!("{password}\n"))
            .map_err(|source| FirstRunError::File { path: password_file.display().to_string(), source })?;
        Ok(PersonRow {
            id: PersonId::from_bytes(random::bytes()?),
            username: OPERATOR.to_owned(),
            realm: Realm::Staff.slug().to_owned(),
            enabled: true,
            password_hash: Some(hash),
            totp: None,
            created_at: now,
            created_by: None,
            brands: None,
            address: None,
            identity_provider: None,
        })
    }

    /// Opens a session for who proves to be the person of this name. Wrong tries slow down, then lock out, the
    /// address that guesses and the name that is guessed at, in the network where it is.
    pub async fn sign_in(
        &self,
        username: &str,
        proof: Proof<'_>,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Opened, SignInError> {
        let keys = self.keys(username, from, now).await?;
        let known = self.store.person_named(username).await?.filter(|person| person.enabled);
        let person = self.check(known, proof, &keys, now).await?;
        self.open(person, None, now, from, now).await
    }

    async fn open(
        &self,
        person: PersonRow,
        origin: Option<SessionOrigin>,
        proven_at: Timestamp,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Opened, SignInError> {
        let token = Token(format!("mq_{}", random::secret()?));
        let row = SessionRow {
            id: random::name()?,
            person: person.id,
            created_at: now,
            expires_at: now + SESSION,
            proven_at,
            address: Some(crate::words::network_of(from)),
            origin,
        };
        // What was proven may have been voided meanwhile.
        let mut tx = self.store.begin().await?;
        if !tx.add_session(&token_hash(&token.0), &row, &person).await? {
            return Err(SignInError::Wrong);
        }
        tx.commit().await?;
        tracing::info!(person = %person.id, "signed in");
        let session = self.take_up(row.id, person, row.proven_at, row.expires_at, now).await?;
        Ok(Opened { token, session })
    }

    /// The session of a token. It is looked up by its hash, so that no comparison tells how close a guess
    /// was. A disabled account has none.
    pub async fn session(&self, token: &str, now: Timestamp) -> Result<Option<Session>, store::Error> {
        let Some(row) = self.store.session(&token_hash(token), now).await? else { return Ok(None) };
        let Some(person) = self.store.person(row.person).await?.filter(|person| person.enabled) else {
            return Ok(None);
        };
        self.take_up(row.id, person, row.proven_at, row.expires_at, now).await.map(Some)
    }

    /// Takes a fresh proof from who has a session.
    pub async fn prove(
        &self,
        session: &Session,
        proof: Proof<'_>,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        // Whoever has a session is nobody whom strangers can lock out.
        let keys = [Key::session(&session.id), Key::address(from)];
        let known = self.store.person(session.person.id).await?.filter(|person| person.enabled);
        self.check(known, proof, &keys, now).await?;
        if !self.store.prove_session(&session.id, now).await? {
            return Err(SignInError::Wrong);
        }
        self.changes.changed();
        Ok(())
    }

    pub async fn sign_out(&self, session: &Session) -> Result<(), store::Error> {
        self.end_session(session.person.id, &session.id).await.map(drop)
    }

    /// Ends all of a person's sessions, and their streams.
    pub async fn end_sessions(&self, person: PersonId) -> Result<(), store::Error> {
        let mut tx = self.store.begin().await?;
        tx.end_sessions(person, None).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(())
    }

    /// Ends one of a person's sessions, and its streams; `false` when there is none of this name.
    pub async fn end_session(&self, person: PersonId, session: &str) -> Result<bool, store::Error> {
        let ended = self.store.end_session(person, session).await?;
        self.changes.changed();
        Ok(ended)
    }

    /// Gives the account another password; its other sessions end.
    pub async fn change_password(&self, session: &Session, password: &str) -> Result<(), SignInError> {
        let password = password.to_owned();
        let hashed = self.at_once(move || hash(&password)).await?.ok_or(SignInError::Busy)?;
        let mut tx = self.store.begin().await?;
        tx.set_password(session.person.id, Some(&hashed)).await?;
        tx.end_sessions(session.person.id, Some(&session.id)).await?;
        tx.commit().await?;
        self.changes.changed();
        Ok(())
    }

    /// Whether the proof is this person's; an unknown one takes as long.
    async fn check(
        &self,
        known: Option<PersonRow>,
        proof: Proof<'_>,
        keys: &[Key],
        now: Timestamp,
    ) -> Result<PersonRow, SignInError> {
        self.take_try(keys, now)?;
        let checked = self.compare(known, proof, now).await;
        let mut attempts = self.attempts();
        match &checked {
            Ok(_) => attempts.succeeded(keys, now),
            Err(SignInError::Wrong) => attempts.failed(keys, now),
            // The password was right, or nobody looked at it.
            Err(
                SignInError::SecondFactor
                | SignInError::TooMany { .. }
                | SignInError::Busy
                | SignInError::Store(_)
                | SignInError::Seal(_)
                | SignInError::Random(_),
            ) => attempts.give_back(keys, now),
        }
        checked
    }

    async fn compare(
        &self,
        known: Option<PersonRow>,
        proof: Proof<'_>,
        now: Timestamp,
    ) -> Result<PersonRow, SignInError> {
        let hash = known.as_ref().and_then(|person| person.password_hash.clone());
        let is_right =
            self.verify(proof.password.to_owned(), hash.unwrap_or_else(|| self.decoy.to_string())).await?;
        let person =
            known.filter(|person| is_right && person.password_hash.is_some()).ok_or(SignInError::Wrong)?;
        if let Some(totp) = &person.totp {
            self.try_second_factor(&person, totp, proof.one_time_password, now).await?;
        }
        Ok(person)
    }

    async fn take_up(
        &self,
        id: String,
        person: PersonRow,
        proven_at: Timestamp,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Session, store::Error> {
        let store = &self.store;
        let (roles, own, shared, organisation) = tokio::try_join!(
            store.roles_of(person.id),
            store.links_of(person.id, now),
            store.links_by_organisation(person.id, now),
            store.organisation_of(person.id),
        )?;
        let dealership = organisation.filter(|known| known.kind == OrganisationKind::Dealership.slug());
        Ok(Session {
            id,
            person: Person {
                id: person.id,
                region: self.region.clone(),
                enabled: person.enabled,
                assignments: roles.iter().filter_map(assignment).collect(),
                links: own.iter().chain(&shared).filter_map(link).collect(),
                dealership: dealership.map(|known| known.id),
            },
            username: person.username,
            address: person.address.map(|address| address.text),
            has_second_factor: person.totp.is_some(),
            expires_at,
            proven_at,
            identity_provider: person.identity_provider,
        })
    }

    /// Work that takes much memory, few at once.
    async fn at_once<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SignInError> {
        let permit = Arc::clone(&self.hashing).acquire_owned();
        let Ok(Ok(permit)) = tokio::time::timeout(HASH_PATIENCE, permit).await else {
            return Err(SignInError::Busy);
        };
        let work = move || {
            let _permit = permit;
            work()
        };
        Ok(tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())))
    }

    async fn verify(&self, password: String, hash: String) -> Result<bool, SignInError> {
        self.at_once(move || {
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }
}

/// A function or a brand that this program does not know gives nobody anything.
fn assignment(role: &RoleRow) -> Option<Assignment> {
    Some(Assignment {
        function: role.function.parse().ok()?,
        brands: Brands::new(role.brands.iter().copied()).ok()?,
        region: role.region.clone(),
        from: role.starts_at,
        until: role.ends_at,
    })
}

fn link(row: &LinkRow) -> Option<Link> {
    Some(Link {
        person: row.person,
        function: row.function.parse().ok()?,
        vehicle: row.vehicle,
        brand: row.brand,
        region: row.region.clone(),
        from: row.starts_at,
        until: row.ends_at,
        categories: row.categories.clone(),
    })
}

fn hash(password: &str) -> Option<String> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).ok()?;
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

pub(crate) fn token_hash(token: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

#[cfg(test)]
mod tests;
