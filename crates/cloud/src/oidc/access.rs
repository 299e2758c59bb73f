//! Access tokens of a provider as bearer tokens (RFC 9068).
//!
//! Invariants, as absences: nobody comes into being here, since a token is of a person who has signed in before; and
//! nobody waits for a provider.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use identity::Realm;
use model::{Micros, Timestamp};
use serde::Deserialize;
use store::PersonRow;

use super::{
    DiscoveryError, Oidc, Provider, SignInError,
    signed::{Registered, Seconds},
};
use crate::accounts::{self, PROVEN, token_hash};

/// A token that lives for longer is no short-lived one: nobody can take it back.
const LIFE_MAX: Micros = Micros::HOUR;
/// With its hash and its subject 200 bytes each.
const KEPT_MAX: usize = 4_096;
/// A token with claims of a hundred groups has 8 kB.
const LEN_MAX: usize = 16 * 1024;

#[derive(Debug, Deserialize)]
struct AccessClaims {
    #[serde(flatten)]
    registered: Registered,
    sub: String,
    /// Who the provider gave it to (RFC 9068, section 2.2).
    client_id: String,
    auth_time: Option<Seconds>,
    acr: Option<String>,
}

/// Why it cannot be told now whose token it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UntoldError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Provider(#[from] DiscoveryError),
}

/// What a verified token says.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    issuer: String,
    subject: String,
    proven_at: Timestamp,
    expires_at: Timestamp,
    /// By what the provider said of itself: it may have taken the key back since.
    by: u64,
}

/// Tokens that were verified, by their hashes: a signature is checked once by the same keys.
#[derive(Debug, Default)]
pub(super) struct VerifiedTokens(Mutex<HashMap<String, Verified>>);

impl VerifiedTokens {
    fn get(&self, hash: &str, now: Timestamp) -> Option<Verified> {
        self.lock().get(hash).filter(|known| now < known.expires_at).cloned()
    }

    fn keep(&self, hash: String, verified: Verified, now: Timestamp) {
        let mut known = self.lock();
        if known.len() >= KEPT_MAX {
            known.retain(|_, verified| now < verified.expires_at);
        }
        // Whoever finds no room is verified at each request.
        if known.len() < KEPT_MAX {
            known.insert(hash, verified);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Verified>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a bearer token may be one of a provider: ours have no dots.
pub(crate) fn is_access_token(token: &str) -> bool {
    token.len() <= LEN_MAX && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl Oidc {
    /// Whose access token it is, as a session that ends with it; none when it counts for nobody.
    pub(crate) async fn session(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<accounts::Session>, UntoldError> {
        let hash = token_hash(token);
        let known = self.0.tokens.get(&hash, now).filter(|known| self.holds(known, now));
        let verified = match known {
            Some(verified) => verified,
            None => match self.verify_access(token, now) {
                Ok(verified) => {
                    self.0.tokens.keep(hash.clone(), verified.clone(), now);
                    verified
                }
                Err(SignInError::Discovery(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::debug!(%error, "an access token was refused");
                    return Ok(None);
                }
            },
        };
        let person = self.0.store.person_of_subject(&verified.issuer, &verified.subject).await?;
        let Some(person) = person.filter(|person: &PersonRow| person.enabled) else { return Ok(None) };
        // Nothing that a person could end: it has no row.
        let id = format!("token-{}", hash.chars().take(16).collect::<String>());
        let Verified { proven_at, expires_at, .. } = verified;
        Ok(Some(self.0.accounts.of_token(id, person, proven_at, expires_at, now).await?))
    }

    /// Whether the provider has not said anything new of itself since.
    fn holds(&self, verified: &Verified, now: Timestamp) -> bool {
        let provider = self.with_issuer(&verified.issuer);
        provider.is_some_and(|provider| provider.discovery.is_newest(verified.by, now))
    }

    fn with_issuer(&self, issuer: &str) -> Option<&Provider> {
        self.0.providers.iter().find(|provider| provider.settings.issuer == issuer)
    }

    fn verify_access(&self, token: &str, now: Timestamp) -> Result<Verified, SignInError> {
        let provider = issuer_of(token).and_then(|issuer| self.with_issuer(&issuer));
        let audience = provider.and_then(|provider| provider.settings.audience.as_deref());
        let (Some(provider), Some(audience)) = (provider, audience) else {
            return Err(SignInError::Token(
                "no provider is configured whose access tokens are taken".to_owned(),
            ));
        };
        let is_type = |typ: Option<&str>| typ == Some("at+jwt");
        let (claims, by): (AccessClaims, u64) = provider.claims_at_once(token, is_type, now)?;
        let registered = &claims.registered;
        registered.check(&provider.settings.issuer, audience, now)?;
        if !provider.settings.access_clients.contains(&claims.client_id) {
            return Err(SignInError::Token("`client_id` is none of `access_clients`".to_owned()));
        }
        if registered.life() > LIFE_MAX {
            return Err(SignInError::Token("it lives for longer than an hour".to_owned()));
        }
        provider.check_class(claims.acr.as_deref()).map_err(SignInError::Token)?;
        let (issued_at, expires_at) = (registered.iat.at(), registered.exp.at());
        if expires_at <= now {
            return Err(SignInError::Token("it is over".to_owned()));
        }
        // An app that somebody let in acts for them, and does nothing dangerous for staff and partners. Without a word
        // when they showed who they are, it may be long ago.
        let told = claims.auth_time.filter(|_| provider.settings.realm == Realm::Customer);
        let proven_at = told.map_or(issued_at - PROVEN, Seconds::at);
        Ok(Verified {
            issuer: provider.settings.issuer.clone(),
            subject: claims.sub,
            proven_at: proven_at.min(issued_at).min(now),
            expires_at: expires_at.min(now + LIFE_MAX),
            by,
        })
    }
}

/// What a token says of its issuer, before anything of it is verified.
fn issuer_of(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Unverified {
        iss: String,
    }
    let claims: Unverified = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    Some(claims.iss)
}
