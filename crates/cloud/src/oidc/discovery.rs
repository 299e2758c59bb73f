//! What a provider says of itself: its discovery document and its keys, kept for an hour.
//!
//! Invariant, as an absence: no start of the platform waits for a provider.

use std::sync::{Arc, PoisonError, RwLock};

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
use tokio::sync::Mutex;
use url::Url;

use super::{
    call::{CallError, Caller},
    settings::{ProviderSettings, is_safe},
};

const KEPT: Micros = Micros::HOUR;
/// Whoever sends tokens with names of keys that do not exist must not make us ask for each.
const ASKED_AGAIN: Micros = Micros::from_secs(30);
/// A provider that is down is not asked by everybody who comes.
const DOWN: Micros = Micros::from_secs(2);

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
    at: Timestamp,
    /// When the keys were asked for since then.
    keys_again_at: Option<Timestamp>,
}

/// Keeps what a provider says of itself.
#[derive(Debug)]
pub(super) struct Discovery {
    issuer: String,
    caller: Caller,
    known: RwLock<Option<Arc<Discovered>>>,
    /// One asks, and the others wait for it. When it last failed.
    asking: Mutex<Option<Timestamp>>,
}

impl Discovery {
    pub(super) fn new(settings: &ProviderSettings, caller: Caller) -> Self {
        Self { issuer: settings.issuer.clone(), caller, known: RwLock::default(), asking: Mutex::default() }
    }

    pub(super) async fn get(&self, now: Timestamp) -> Result<Arc<Discovered>, DiscoveryError> {
        if let Some(known) = self.fresh(now) {
            return Ok(known);
        }
        let mut failed_at = self.asking.lock().await;
        if let Some(known) = self.fresh(now) {
            return Ok(known);
        }
        if failed_at.is_some_and(|at| now.since(at) < DOWN) {
            return Err(DiscoveryError::Down);
        }
        match self.discover(now).await {
            Ok(discovered) => {
                *failed_at = None;
                Ok(self.keep(discovered))
            }
            Err(error) => {
                *failed_at = Some(now);
                Err(error)
            }
        }
    }

    /// The same with keys that are newer than these, for a token whose key is not among them; none when they were
    /// asked for a moment ago.
    pub(super) async fn newer(
        &self,
        than: &Arc<Discovered>,
        now: Timestamp,
    ) -> Result<Option<Arc<Discovered>>, DiscoveryError> {
        let _asking = self.asking.lock().await;
        if let Some(known) = self.fresh(now).filter(|known| !Arc::ptr_eq(known, than)) {
            return Ok(Some(known));
        }
        if than.keys_again_at.is_some_and(|at| now.since(at) < ASKED_AGAIN) {
            return Ok(None);
        }
        let metadata = than.metadata.clone();
        let asked = Discovered {
            metadata: metadata.clone(),
            keys: than.keys.clone(),
            at: than.at,
            keys_again_at: Some(now),
        };
        // Kept first: also a question that fails is one.
        self.keep(asked);
        let (metadata, keys) = self.fetch_keys(metadata).await?;
        Ok(Some(self.keep(Discovered { metadata, keys, at: than.at, keys_again_at: Some(now) })))
    }

    fn fresh(&self, now: Timestamp) -> Option<Arc<Discovered>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone().filter(|known| now.since(known.at) < KEPT)
    }

    fn keep(&self, discovered: Discovered) -> Arc<Discovered> {
        let discovered = Arc::new(discovered);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&discovered));
        discovered
    }

    /// OpenID Connect Discovery 1.0, section 4.
    async fn discover(&self, now: Timestamp) -> Result<Discovered, DiscoveryError> {
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let address = Url::parse(&address).map_err(|error| unreadable(&address, &error))?;
        let body = self.document(&address).await?;
        let metadata: Metadata =
            serde_json::from_slice(&body).map_err(|error| unreadable(address.as_str(), &error))?;
        if metadata.issuer().as_str() != self.issuer {
            let found = metadata.issuer().to_string();
            return Err(DiscoveryError::Issuer { found, wanted: self.issuer.clone() });
        }
        let tokens = metadata.token_endpoint().ok_or(DiscoveryError::NoTokens)?;
        for url in [metadata.authorization_endpoint().url(), tokens.url(), metadata.jwks_uri().url()] {
            if !is_safe(url) {
                return Err(DiscoveryError::Unsafe { url: url.to_string() });
            }
        }
        let (metadata, keys) = self.fetch_keys(metadata).await?;
        Ok(Discovered { metadata, keys, at: now, keys_again_at: None })
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
        let answer = self.caller.get(address).await.map_err(|error| DiscoveryError::Call(Arc::new(error)))?;
        ok(address, answer)
    }
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
