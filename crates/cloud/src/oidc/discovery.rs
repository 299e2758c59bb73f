//! What a provider says of itself: its discovery document and its keys, which count for an hour.
//!
//! Invariant, as an absence: no start of the platform waits for a provider.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jsonwebtoken::jwk::Jwk;
use model::{Micros, Timestamp};
use openidconnect::{
    AdditionalProviderMetadata, HttpResponse, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    },
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use url::Url;

use super::{
    call::{CallError, Caller},
    settings::{ProviderSettings, is_safe},
};
use crate::{clock::Clock, errors::chain};

const KEPT: Micros = Micros::HOUR;
/// Who comes from then on has it asked for anew, and waits for nothing.
const ASKED_AHEAD: Micros = Micros(50 * Micros::MINUTE.0);
/// While a provider does not answer, tokens are checked by keys that are as old as this.
const KEPT_WHILE_DOWN: Micros = Micros::DAY;
/// Whoever sends tokens with names of keys that do not exist must not make us ask for each.
const ASKED_AGAIN: Micros = Micros::from_secs(30);
/// A provider that is down is not asked by everybody who comes.
const DOWN: Micros = Micros::from_secs(2);
/// A provider that failed is taken to be down for so long, unless it is heard of: whoever comes later asks again.
const TAKEN_FOR_DOWN: Micros = Micros::from_secs(30);
/// So many wait for what one of them asks. A dead provider must not take the places of those who go to another.
const WAITING_MAX: usize = 8;

/// Why it is not known what a provider says of itself.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DiscoveryError {
    #[error(transparent)]
    Call(Arc<CallError>),
    #[error("{url} is answered with status {status}")]
    Status { url: String, status: u16 },
    #[error("{url} cannot be read: {why}")]
    Unreadable { url: String, why: String },
    #[error("the discovery document is of the issuer `{found}`, and `{wanted}` is configured")]
    Issuer { found: String, wanted: String },
    #[error("the discovery document names no `token_endpoint`")]
    NoTokens,
    #[error("the discovery document names {url}, which is neither `https` nor on this machine")]
    Unsafe { url: String },
    #[error("the provider was down a moment ago")]
    Down,
    #[error("{WAITING_MAX} wait for the provider already")]
    Busy,
    #[error("the provider's keys are being asked for")]
    Asking,
}

/// What the discovery document has besides what the library reads.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Extensions {
    /// RFC 9207: then a callback without `iss` is not the provider's.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Extensions {}

pub(super) type Metadata = ProviderMetadata<
    Extensions,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What a provider said of itself.
#[derive(Debug)]
pub(super) struct Discovered {
    /// With its keys, for ID tokens.
    pub(super) metadata: Metadata,
    /// The same keys, for other tokens.
    pub(super) keys: Vec<Jwk>,
    /// What was said before has another.
    pub(super) number: u64,
    at: Timestamp,
}

/// Keeps what a provider says of itself. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Discovery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: String,
    caller: Caller,
    clock: Clock,
    known: RwLock<Known>,
    /// One asks at a time.
    asking: Arc<Mutex<Asked>>,
    /// The others wait for it.
    waiting: Semaphore,
}

#[derive(Debug, Default)]
struct Known {
    newest: Option<Arc<Discovered>>,
    /// When asking for it anew last failed, since it was read. Whoever waited meanwhile had come before.
    failed_at: Option<Timestamp>,
    /// How often something was read.
    count: u64,
}

/// What is known while somebody asks.
#[derive(Debug, Default)]
struct Asked {
    /// When keys alone were asked for since the document was read.
    keys_at: Option<Timestamp>,
}

/// The right to ask.
type Turn = OwnedMutexGuard<Asked>;

impl Discovery {
    pub(super) fn new(settings: &ProviderSettings, caller: Caller, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            issuer: settings.issuer.clone(),
            caller,
            clock,
            known: RwLock::default(),
            asking: Arc::default(),
            waiting: Semaphore::new(WAITING_MAX),
        }))
    }

    /// For who can wait: a browser on its way.
    pub(super) async fn get(&self, now: Timestamp) -> Result<Arc<Discovered>, DiscoveryError> {
        if let Some(known) = self.fresh(now) {
            self.ask_ahead(&known, now);
            return Ok(known);
        }
        let _waits = self.0.waiting.try_acquire().map_err(|_| DiscoveryError::Busy)?;
        let turn = Arc::clone(&self.0.asking).lock_owned().await;
        self.ask(turn, now).await
    }

    /// The same where others wait already: only to know where the provider is, for which an old document will do.
    pub(super) async fn whereabouts(&self, now: Timestamp) -> Result<Arc<Discovered>, DiscoveryError> {
        match self.get(now).await {
            Err(DiscoveryError::Busy) => self.old(now).ok_or(DiscoveryError::Busy),
            known => known,
        }
    }

    /// The same with keys that are newer than these, for a token whose key is not among them; none when they were
    /// asked for a moment ago.
    pub(super) async fn newer(
        &self,
        than: &Arc<Discovered>,
        now: Timestamp,
    ) -> Result<Option<Arc<Discovered>>, DiscoveryError> {
        let _waits = self.0.waiting.try_acquire().map_err(|_| DiscoveryError::Busy)?;
        let mut turn = Arc::clone(&self.0.asking).lock_owned().await;
        if let Some(known) = self.other(than) {
            return Ok(Some(known));
        }
        if !is_due(&turn, now) {
            return Ok(None);
        }
        self.ask_keys(&mut turn, than, now).await.map(Some)
    }

    /// For who cannot wait, and shows tokens: what is known, be it old while the provider does not answer. Otherwise
    /// it is asked for, since keys may have been taken back.
    pub(super) fn at_hand(&self, now: Timestamp) -> Result<Arc<Discovered>, DiscoveryError> {
        if let Some(known) = self.fresh(now) {
            self.ask_ahead(&known, now);
            return Ok(known);
        }
        self.ask_meanwhile(now);
        let is_down = self.failed_within(TAKEN_FOR_DOWN);
        self.old(now).filter(|_| is_down).ok_or(DiscoveryError::Asking)
    }

    /// Whether nothing was read since this was. What gets old is asked for meanwhile.
    pub(super) fn is_newest(&self, number: u64, now: Timestamp) -> bool {
        let Some(known) = self.newest() else { return false };
        self.ask_ahead(&known, now);
        known.number == number
    }

    fn ask_ahead(&self, known: &Discovered, now: Timestamp) {
        if now.since(known.at) >= ASKED_AHEAD {
            self.ask_meanwhile(now);
        }
    }

    /// Unless somebody asks already, or it failed a moment ago.
    fn ask_meanwhile(&self, now: Timestamp) {
        if self.failed_within(DOWN) {
            return;
        }
        if let Ok(turn) = Arc::clone(&self.0.asking).try_lock_owned() {
            let asks = self.clone();
            tokio::spawn(async move {
                if let Err(error) = asks.ask(turn, now).await {
                    asks.warn(&error);
                }
            });
        }
    }

    /// Whether there may be newer keys than these in a moment: somebody asks for them, also by this question.
    pub(super) fn expects_newer(&self, than: &Arc<Discovered>, now: Timestamp) -> bool {
        let Ok(mut turn) = Arc::clone(&self.0.asking).try_lock_owned() else { return true };
        if self.other(than).is_some() {
            return true;
        }
        let is_due = is_due(&turn, now);
        if is_due {
            let (asks, than) = (self.clone(), Arc::clone(than));
            tokio::spawn(async move {
                if let Err(error) = asks.ask_keys(&mut turn, &than, now).await {
                    asks.warn(&error);
                }
            });
        }
        is_due
    }

    fn warn(&self, error: &DiscoveryError) {
        tracing::warn!(issuer = %self.0.issuer, error = %chain(error), "a provider cannot be asked");
    }

    async fn ask(&self, mut turn: Turn, now: Timestamp) -> Result<Arc<Discovered>, DiscoveryError> {
        // Somebody else has asked meanwhile.
        if let Some(known) = self.newest().filter(|known| now.since(known.at) < ASKED_AHEAD) {
            return Ok(known);
        }
        if self.failed_within(DOWN) {
            return Err(DiscoveryError::Down);
        }
        match self.discover().await {
            Ok((metadata, keys)) => {
                *turn = Asked::default();
                Ok(self.keep(metadata, keys, now))
            }
            Err(error) => {
                self.known_mut().failed_at = Some(self.0.clock.now());
                Err(error)
            }
        }
    }

    async fn ask_keys(
        &self,
        turn: &mut Turn,
        than: &Discovered,
        now: Timestamp,
    ) -> Result<Arc<Discovered>, DiscoveryError> {
        // Also a question that fails is one.
        turn.keys_at = Some(now);
        let (metadata, keys) = self.fetch_keys(than.metadata.clone()).await?;
        Ok(self.keep(metadata, keys, than.at))
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self) -> Option<Arc<Discovered>> {
        self.known().newest.clone()
    }

    fn other(&self, than: &Arc<Discovered>) -> Option<Arc<Discovered>> {
        self.newest().filter(|known| !Arc::ptr_eq(known, than))
    }

    fn fresh(&self, now: Timestamp) -> Option<Arc<Discovered>> {
        self.newest().filter(|known| now.since(known.at) < KEPT)
    }

    fn old(&self, now: Timestamp) -> Option<Arc<Discovered>> {
        self.newest().filter(|known| now.since(known.at) < KEPT_WHILE_DOWN)
    }

    fn failed_within(&self, time: Micros) -> bool {
        let failed_at = self.known().failed_at;
        failed_at.is_some_and(|at| self.0.clock.now().since(at) < time)
    }

    /// Keys alone do not tell that the provider has answered for its document.
    fn keep(&self, metadata: Metadata, keys: Vec<Jwk>, at: Timestamp) -> Arc<Discovered> {
        let mut known = self.known_mut();
        let is_later = known.newest.as_ref().is_none_or(|newest| newest.at < at);
        known.count += 1;
        let discovered = Arc::new(Discovered { metadata, keys, number: known.count, at });
        known.newest = Some(Arc::clone(&discovered));
        if is_later {
            known.failed_at = None;
        }
        discovered
    }

    /// OpenID Connect Discovery 1.0, section 4.
    async fn discover(&self) -> Result<(Metadata, Vec<Jwk>), DiscoveryError> {
        let address = format!("{}/.well-known/openid-configuration", self.0.issuer.trim_end_matches('/'));
        let address = Url::parse(&address).map_err(|error| unreadable(&address, &error))?;
        let body = self.document(&address).await?;
        let metadata: Metadata =
            serde_json::from_slice(&body).map_err(|error| unreadable(address.as_str(), &error))?;
        if metadata.issuer().as_str() != self.0.issuer {
            let found = metadata.issuer().to_string();
            return Err(DiscoveryError::Issuer { found, wanted: self.0.issuer.clone() });
        }
        let tokens = metadata.token_endpoint().ok_or(DiscoveryError::NoTokens)?;
        for url in [metadata.authorization_endpoint().url(), tokens.url(), metadata.jwks_uri().url()] {
            if !is_safe(url) {
                return Err(DiscoveryError::Unsafe { url: url.to_string() });
            }
        }
        self.fetch_keys(metadata).await
    }

    async fn fetch_keys(&self, metadata: Metadata) -> Result<(Metadata, Vec<Jwk>), DiscoveryError> {
        let address = metadata.jwks_uri().url().clone();
        let body = self.document(&address).await?;
        let unreadable = |error: serde_json::Error| unreadable(address.as_str(), &error);
        let jwks: CoreJsonWebKeySet = serde_json::from_slice(&body).map_err(unreadable)?;
        let set: KeySet = serde_json::from_slice(&body).map_err(unreadable)?;
        // A key of a kind that is not known hides no other.
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        Ok((metadata.set_jwks(jwks), keys))
    }

    async fn document(&self, address: &Url) -> Result<Vec<u8>, DiscoveryError> {
        let answer =
            self.0.caller.get(address).await.map_err(|error| DiscoveryError::Call(Arc::new(error)))?;
        ok(address, answer)
    }
}

/// Whether keys may be asked for again.
fn is_due(asked: &Asked, now: Timestamp) -> bool {
    asked.keys_at.is_none_or(|at| now.since(at) >= ASKED_AGAIN)
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

fn ok(address: &Url, answer: HttpResponse) -> Result<Vec<u8>, DiscoveryError> {
    if answer.status() == StatusCode::OK {
        return Ok(answer.into_body());
    }
    Err(DiscoveryError::Status { url: address.to_string(), status: answer.status().as_u16() })
}

fn unreadable(url: &str, error: &dyn std::error::Error) -> DiscoveryError {
    DiscoveryError::Unreadable { url: url.to_owned(), why: error.to_string() }
}
