//! Signing in at OpenID Connect providers: the platform is a relying party, and a resource server for their tokens.
//!
//! Invariants, as absences: no address is asked that is not the issuer's or in its discovery document; no token counts
//! by a shared secret or unsigned; no claim of a role or a group gives anybody anything; no code, token, nonce or
//! verifier is in a log, or in SQL unsealed.

use std::{net::IpAddr, sync::Arc};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{Micros, PersonId, Region, Timestamp};
use openidconnect::RedirectUrl;
use serde::Deserialize;
use store::{PersonRow, ProvenSession, SessionOrigin, SignInRow, Store};
use url::Url;

use crate::{
    accounts::{self, Accounts, Opened, PROVEN, Session, random, token_hash},
    limits::{Budget, Rate, household, seconds_up},
    pki::PkiError,
    seal::{SealError, Sealer},
};
use call::Caller;
use discovery::Discovery;
use id_token::{Arrival, Expected, Secrets};
use settings::ProviderSettings;

pub(crate) use access::is_access_token;
pub use call::CallError;
pub use discovery::DiscoveryError;

mod access;
mod arrivals;
mod call;
mod discovery;
mod id_token;
mod logout;
pub mod settings;
mod signed;

/// For who signs in there, with a second factor and a new password if need be.
pub const SIGN_IN: Micros = Micros(10 * Micros::MINUTE.0);
/// Sign-ins on their way, of all strangers together: 50 MB.
const SIGN_INS_MAX: u32 = 50_000;
/// Sign-ins that one address begins: an office behind one address comes back from lunch.
const BEGINNINGS: Rate = Rate { at_once: 60, every: Micros::SECOND };

/// Why somebody did not sign in at a provider.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the sign-in took longer than ten minutes, or was done before; begin again")]
    Over,
    #[error("the sign-in was begun by another browser; begin again in this one")]
    OtherBrowser,
    #[error("the answer is another provider's; begin again")]
    OtherProvider,
    #[error("the provider refused it: `{0}`")]
    Refused(String),
    #[error("somebody else has shown the provider who they are; sign out to change accounts")]
    OtherPerson,
    #[error("the provider does not say that they just showed who they are; its `auth_time` has to")]
    Stale,
    #[error("the account is disabled; ask an administrator")]
    Disabled(PersonId),
    #[error("the session has ended; sign in again")]
    Ended,
    #[error("too many sign-ins are begun from your address; wait a little")]
    TooMany { retry_after_s: u32 },
    #[error("too many sign-ins are on their way; try again in a minute")]
    Full,
    /// What the provider gave does not prove anything.
    #[error("what the provider says does not hold: {0}")]
    Token(String),
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Account(#[from] accounts::SignInError),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Random(#[from] PkiError),
}

/// A sign-in that did not end well. A stranger who knows no state has not begun one.
#[derive(Debug)]
pub struct Failure {
    pub error: SignInError,
    pub was_begun: bool,
}

impl Failure {
    fn of_stranger(error: impl Into<SignInError>) -> Self {
        Self { error: error.into(), was_begun: false }
    }
}

/// A sign-in that has begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub location: String,
    /// What the browser brings back besides the state.
    pub cookie: String,
}

/// What comes back with the browser (RFC 6749, section 4.1.2; RFC 9207).
#[derive(Deserialize)]
pub struct Callback {
    pub state: Option<String>,
    pub code: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Callback(..)")
    }
}

/// What a sign-in ended with.
#[derive(Debug)]
pub enum Arrived {
    SignedIn { opened: Box<Opened>, is_new: bool, return_to: String },
    Proven { person: PersonId, return_to: String },
}

/// Signs people in at providers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Oidc(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    accounts: Accounts,
    sealer: Sealer,
    region: Region,
    providers: Vec<Provider>,
    public_url: Url,
    beginnings: Budget<IpAddr>,
    tokens: access::VerifiedTokens,
}

/// One provider.
#[derive(Debug)]
struct Provider {
    settings: ProviderSettings,
    caller: Caller,
    discovery: Discovery,
}

impl Provider {
    fn new(settings: ProviderSettings) -> Result<Self, CallError> {
        let caller = Caller::new(&settings)?;
        let discovery = Discovery::new(&settings, caller.clone());
        Ok(Self { settings, caller, discovery })
    }
}

impl Oidc {
    /// `public_url` is what browsers call the console.
    pub fn new(
        store: Store,
        accounts: Accounts,
        sealer: Sealer,
        region: Region,
        providers: Vec<ProviderSettings>,
        public_url: Url,
    ) -> Result<Self, CallError> {
        let providers = providers.into_iter().map(Provider::new).collect::<Result<_, _>>()?;
        let (beginnings, tokens) = (Budget::new(BEGINNINGS), access::VerifiedTokens::default());
        Ok(Self(Arc::new(Inner {
            store,
            accounts,
            sealer,
            region,
            providers,
            public_url,
            beginnings,
            tokens,
        })))
    }

    /// The providers' ids and names, as configured.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .providers
            .iter()
            .map(|provider| (provider.settings.id.as_str(), provider.settings.name.as_str()))
    }

    /// Whether a path is one of the console's, that a browser may be sent to after signing in.
    pub fn is_return(&self, path: &str) -> bool {
        const LEN_MAX: usize = 2_048;
        // Browsers take a backslash for a slash, and two slashes for another host.
        let is_path = path.starts_with('/') && !path.starts_with("//") && path.len() <= LEN_MAX;
        let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let ours = self.0.public_url.join(path).ok().filter(|url| url.origin() == self.0.public_url.origin());
        // As a browser resolves it: `/..//host` is no page, either.
        let is_page = |path: &str| path != "/v1" && !path.starts_with("/v1/") && !path.starts_with("//");
        is_path && is_plain && ours.is_some_and(|url| is_page(url.path()))
    }

    /// Begins a sign-in, or a proof of who has this session; none when there is no such provider.
    pub async fn begin(
        &self,
        provider: &str,
        return_to: &str,
        proves: Option<&Session>,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Option<Begun>, SignInError> {
        let Some(provider) = self.provider(provider) else { return Ok(None) };
        let taken = self.0.beginnings.take(household(from), now);
        taken.map_err(|wait| SignInError::TooMany { retry_after_s: seconds_up(wait) })?;
        let known = provider.discovery.get(now).await?;
        let (state, cookie) = (drawn()?, drawn()?);
        let secrets = Secrets { nonce: drawn()?, verifier: drawn()? };
        let state_hash = token_hash(&state);
        let sealed = serde_json::to_vec(&secrets).expect("two texts are JSON");
        let row = SignInRow {
            secrets: self.0.sealer.seal(&use_of(&state_hash), &sealed)?,
            state_hash,
            provider: provider.settings.id.clone(),
            browser_hash: token_hash(&cookie),
            return_to: return_to.to_owned(),
            proves: proves.map(|session| ProvenSession { id: session.id.clone(), person: session.person.id }),
            created_at: now,
            expires_at: now + SIGN_IN,
        };
        if !self.0.store.add_sign_in(&row, SIGN_INS_MAX).await? {
            return Err(SignInError::Full);
        }
        let redirect = self.redirect(provider)?;
        let location = provider.authorisation(&known, &redirect, &state, &secrets, proves.is_some());
        Ok(Some(Begun { location, cookie }))
    }

    /// Ends a sign-in by what the browser brings back; none when there is no such provider.
    pub async fn finish(
        &self,
        provider: &str,
        callback: &Callback,
        cookie: Option<&str>,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Option<Arrived>, Failure> {
        let Some(provider) = self.provider(provider) else { return Ok(None) };
        let state = callback.state.as_deref().ok_or_else(|| Failure::of_stranger(SignInError::Over))?;
        let begun = self.take(&token_hash(state), now).await.map_err(Failure::of_stranger)?;
        let begun = begun.ok_or_else(|| Failure::of_stranger(SignInError::Over))?;
        let arrived = self.arrive(provider, callback, cookie, begun, from, now).await;
        arrived.map(Some).map_err(|error| Failure { error, was_begun: true })
    }

    async fn arrive(
        &self,
        provider: &Provider,
        callback: &Callback,
        cookie: Option<&str>,
        begun: SignInRow,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Arrived, SignInError> {
        let browser = cookie.map(token_hash).unwrap_or_default();
        if verify_slices_are_equal(browser.as_bytes(), begun.browser_hash.as_bytes()).is_err() {
            return Err(SignInError::OtherBrowser);
        }
        if begun.provider != provider.settings.id {
            return Err(SignInError::OtherProvider);
        }
        self.check_issuer(provider, callback, now).await?;
        if let Some(error) = &callback.error {
            // One of a few words; what is none of them is not repeated.
            let is_word = error.len() <= 64 && error.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            return Err(SignInError::Refused(if is_word { error.clone() } else { "error".to_owned() }));
        }
        let code = callback.code.as_deref();
        let code = code.ok_or_else(|| SignInError::Token("there is no `code`".to_owned()))?;
        let opened = self.0.sealer.unseal(&use_of(&begun.state_hash), &begun.secrets)?;
        let secrets: Secrets = serde_json::from_slice(&opened).map_err(|_| SealError::Closed)?;
        let redirect = self.redirect(provider)?;
        let expected = Expected {
            secrets: &secrets,
            begun_at: begun.created_at,
            anew: begun.proves.is_some(),
            redirect: &redirect,
        };
        let arrival = provider.exchange(code, expected, now).await?;
        match begun.proves {
            Some(proves) => self.prove(provider, &arrival, proves, begun.return_to, now).await,
            None => self.sign_in(provider, &arrival, begun.return_to, from, now).await,
        }
    }

    /// A provider that names itself must be the one that was asked (RFC 9207, section 2.4).
    async fn check_issuer(
        &self,
        provider: &Provider,
        callback: &Callback,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        let is_right = match &callback.iss {
            Some(issuer) => *issuer == provider.settings.issuer,
            None => {
                let known = provider.discovery.get(now).await?;
                !known.metadata.additional_metadata().authorization_response_iss_parameter_supported
            }
        };
        if is_right { Ok(()) } else { Err(SignInError::OtherProvider) }
    }

    async fn sign_in(
        &self,
        provider: &Provider,
        arrival: &Arrival,
        return_to: String,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Arrived, SignInError> {
        let (person, is_new) = self.person(provider, arrival, now).await?;
        if !person.enabled {
            return Err(SignInError::Disabled(person.id));
        }
        let issuer = provider.settings.issuer.clone();
        let origin = SessionOrigin { issuer, session: arrival.session.clone() };
        // Who has been signed in there for days has not just shown who they are.
        let proven_at = arrival.authenticated_at.unwrap_or(now - PROVEN).min(now);
        let opened = self.0.accounts.open_elsewhere(person, origin, proven_at, from, now).await?;
        Ok(Arrived::SignedIn { opened: Box::new(opened), is_new, return_to })
    }

    async fn prove(
        &self,
        provider: &Provider,
        arrival: &Arrival,
        proves: ProvenSession,
        return_to: String,
        now: Timestamp,
    ) -> Result<Arrived, SignInError> {
        let known = self.0.store.person_of_subject(&provider.settings.issuer, &arrival.subject).await?;
        let person: PersonRow = known.ok_or(SignInError::OtherPerson)?;
        if person.id != proves.person {
            return Err(SignInError::OtherPerson);
        }
        if !person.enabled {
            return Err(SignInError::Disabled(person.id));
        }
        let proven_at = arrival.authenticated_at.ok_or(SignInError::Stale)?.min(now);
        let session = arrival.session.as_deref();
        if !self.0.store.prove_provider_session(&proves, session, proven_at, now).await? {
            return Err(SignInError::Ended);
        }
        self.0.accounts.changed();
        Ok(Arrived::Proven { person: person.id, return_to })
    }

    async fn take(&self, state_hash: &str, now: Timestamp) -> Result<Option<SignInRow>, store::Error> {
        let mut tx = self.0.store.begin().await?;
        let taken = tx.take_sign_in(state_hash, now).await?;
        tx.commit().await?;
        Ok(taken)
    }

    fn provider(&self, id: &str) -> Option<&Provider> {
        self.0.providers.iter().find(|provider| provider.settings.id == id)
    }

    fn redirect(&self, provider: &Provider) -> Result<RedirectUrl, SignInError> {
        let path = format!("/v1/oidc/{}/callback", provider.settings.id);
        let url = self.0.public_url.join(&path);
        url.map(RedirectUrl::from_url).map_err(|error| SignInError::Token(error.to_string()))
    }
}

fn use_of(state_hash: &str) -> String {
    format!("sign-in/{state_hash}")
}

/// 256 bits of chance: 43 characters, as few as a code verifier may have (RFC 7636, section 4.1).
fn drawn() -> Result<String, PkiError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}
