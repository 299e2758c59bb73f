//! Signing in at OpenID Connect providers: the platform is a relying party, and a resource server for their tokens.
//!
//! Invariants, as absences: no address is asked that is not the issuer's or in its discovery document; no token counts
//! by a shared secret or unsigned; no claim of a role or a group gives anybody anything; no code, token, nonce or
//! verifier is in a log, or in SQL unsealed.

use std::{net::IpAddr, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{Micros, PersonId, Region, Timestamp};
use openidconnect::RedirectUrl;
use serde::{Deserialize, Serialize};
use store::{PersonRow, ProvenSession, SessionOrigin, Store};
use url::Url;
use utoipa::IntoParams;

use crate::{
    accounts::{self, Accounts, Opened, PROVEN, Session, token_hash},
    clock::Clock,
    limits::{Budget, Rate, household},
    pki::PkiError,
    random,
    seal::{SealError, Sealer},
};
use call::Caller;
use discovery::Discovery;
use id_token::{Arrival, Expected, Secrets};
use settings::ProviderSettings;

pub(crate) use access::{UntoldError, is_access_token};
pub use arrivals::NewAccount;
pub use call::CallError;
pub use discovery::DiscoveryError;
pub use logout::Logout;

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
/// A page of the console with its filters. It goes with each request of a browser that signs in, in a cookie.
pub(crate) const RETURN_LEN_MAX: usize = 256;
/// Of one address: sign-ins that come back with a code, each of which is a call to its provider. Those that end well
/// cost nothing.
const CODES: Rate = Rate { at_once: 10, every: Micros::from_secs(5) };
/// Of the state's hash, in a cookie's name: two tabs sign in beside each other.
const TOLD_APART_BY: usize = 8;

/// Why somebody did not sign in at a provider.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("the sign-in took longer than ten minutes, or was done before; begin again")]
    Over,
    #[error("the sign-in was begun by another browser; begin again in this one")]
    OtherBrowser,
    #[error("too many sign-ins that came to nothing come from this address; wait a little")]
    TooMany,
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
    /// What a browser brings, which anybody may write.
    #[error("what came back is no answer to a sign-in: {0}")]
    Code(String),
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

/// A sign-in that has begun. The browser keeps all of it: strangers who begin many cost nothing.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser goes.
    pub location: String,
    /// What tells the cookie apart from others.
    pub suffix: String,
    /// What the browser brings back besides the state.
    pub cookie: String,
}

/// What the browser keeps, sealed.
#[derive(Serialize, Deserialize)]
struct SignIn {
    provider: String,
    secrets: Secrets,
    return_to: String,
    /// The session that is to be proven, and whose it is; none where one is to be opened.
    proves: Option<(String, String)>,
    begun_at: i64,
}

/// What comes back with the browser (RFC 6749, section 4.1.2; RFC 9207). What else the provider adds means nothing.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Callback {
    /// Which sign-in it is; counts once.
    pub state: Option<String>,
    /// What the platform exchanges for tokens.
    pub code: Option<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code (RFC 6749, section 4.1.2.1).
    pub error: Option<String>,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Callback(..)")
    }
}

/// Who has come, by the provider's word. Nothing has been done for them yet.
#[derive(Debug)]
pub struct Arrived {
    /// Who they are here, or will be.
    pub person: PersonId,
    pub wants: Wants,
    pub return_to: String,
    issuer: String,
    /// What the provider calls the session.
    session: Option<String>,
    /// When they last showed who they are.
    proven_at: Timestamp,
}

/// What somebody came for.
#[derive(Debug)]
pub enum Wants {
    /// An account, and a session.
    Account(Box<NewAccount>),
    /// A session.
    Session(Box<PersonRow>),
    /// A proof of who has this session.
    Proof(ProvenSession),
}

/// How it ended for who has come.
#[derive(Debug)]
pub struct Settled {
    /// Whether what they wanted besides a session is done: their account was made, or their proof noted.
    pub is_done: bool,
    /// The session that was opened, if one was.
    pub ended: Result<Option<Opened>, SignInError>,
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
    codes: Budget<IpAddr>,
    tokens: access::VerifiedTokens,
}

/// One provider.
#[derive(Debug)]
struct Provider {
    settings: ProviderSettings,
    caller: Caller,
    discovery: Discovery,
    /// Where browsers come back to.
    redirect: RedirectUrl,
}

impl Provider {
    fn new(settings: ProviderSettings, public_url: &Url, clock: &Clock) -> Result<Self, CallError> {
        let caller = Caller::new(&settings)?;
        let discovery = Discovery::new(&settings, caller.clone(), clock.clone());
        let redirect = public_url.join(&format!("/v1/oidc/{}/callback", settings.id));
        let redirect = RedirectUrl::from_url(redirect.expect("a provider's id is a part of a path"));
        Ok(Self { settings, caller, discovery, redirect })
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
        clock: &Clock,
    ) -> Result<Self, CallError> {
        let providers = providers.into_iter().map(|settings| Provider::new(settings, &public_url, clock));
        let providers = providers.collect::<Result<_, _>>()?;
        let (codes, tokens) = (Budget::new(CODES), access::VerifiedTokens::default());
        Ok(Self(Arc::new(Inner { store, accounts, sealer, region, providers, public_url, codes, tokens })))
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
        // Browsers take a backslash for a slash, and two slashes for another host.
        let is_path = path.starts_with('/') && !path.starts_with("//") && path.len() <= RETURN_LEN_MAX;
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
        now: Timestamp,
    ) -> Result<Option<Begun>, SignInError> {
        let Some(provider) = self.provider(provider) else { return Ok(None) };
        let known = provider.discovery.whereabouts(now).await?;
        let state = drawn()?;
        let sign_in = SignIn {
            provider: provider.settings.id.clone(),
            secrets: Secrets { nonce: drawn()?, verifier: drawn()? },
            return_to: return_to.to_owned(),
            proves: proves.map(|session| (session.id.clone(), session.person.id.to_string())),
            begun_at: now.0,
        };
        let state_hash = token_hash(&state);
        let sealed = serde_json::to_vec(&sign_in).expect("texts and a number are JSON");
        let sealed = self.0.sealer.seal(&use_of(&state_hash), &sealed)?;
        let location = provider.authorisation(&known, &state, &sign_in.secrets, proves.is_some());
        Ok(Some(Begun { location, suffix: suffix(&state_hash), cookie: URL_SAFE_NO_PAD.encode(sealed) }))
    }

    /// Whether it may tell a cookie apart.
    pub fn is_suffix(text: &str) -> bool {
        text.len() == TOLD_APART_BY && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// What tells the cookie apart that belongs to what the browser brings back.
    pub fn cookie_suffix(callback: &Callback) -> Option<String> {
        callback.state.as_deref().map(|state| suffix(&token_hash(state)))
    }

    /// Who has come, by what the browser brings back; none when there is no such provider.
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
        let state_hash = token_hash(state);
        let begun = cookie.and_then(|cookie| self.begun(&state_hash, cookie));
        let begun = begun.ok_or_else(|| Failure::of_stranger(SignInError::OtherBrowser))?;
        let arrived = self.arrive(provider, callback, begun, &state_hash, from, now).await;
        let failure = |error| Failure { was_begun: !matches!(error, SignInError::TooMany), error };
        arrived.map(Some).map_err(failure)
    }

    /// What this browser began; nothing where it was another.
    fn begun(&self, state_hash: &str, cookie: &str) -> Option<SignIn> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let opened = self.0.sealer.unseal(&use_of(state_hash), &sealed).ok()?;
        serde_json::from_slice(&opened).ok()
    }

    async fn arrive(
        &self,
        provider: &Provider,
        callback: &Callback,
        begun: SignIn,
        state_hash: &str,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Arrived, SignInError> {
        let begun_at = Timestamp(begun.begun_at);
        if now >= begun_at + SIGN_IN {
            return Err(SignInError::Over);
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
        let code = code.ok_or_else(|| SignInError::Code("there is no `code`".to_owned()))?;
        // Before the cookie counts as used, so that the browser may come again.
        self.0.codes.take(household(from), now).map_err(|_| SignInError::TooMany)?;
        let arrived = self.redeem(provider, code, begun, state_hash, now).await;
        // Of those whom others left no place nobody was asked.
        if matches!(arrived, Ok(_) | Err(SignInError::Call(CallError::Busy))) {
            self.0.codes.give_back(household(from));
        }
        arrived
    }

    /// Who has come, by a code that only the provider can read.
    async fn redeem(
        &self,
        provider: &Provider,
        code: &str,
        begun: SignIn,
        state_hash: &str,
        now: Timestamp,
    ) -> Result<Arrived, SignInError> {
        let begun_at = Timestamp(begun.begun_at);
        // The browser's cookie counts once, and for one code: each is a call to the provider.
        if !self.0.store.take_sign_in(state_hash, begun_at + SIGN_IN).await? {
            return Err(SignInError::Over);
        }
        let expected = Expected { secrets: &begun.secrets, begun_at, anew: begun.proves.is_some() };
        let arrival = provider.exchange(code, expected, now).await?;
        match begun.proves {
            Some((id, person)) => {
                let person = person.parse().map_err(|_| SealError::Closed)?;
                self.prover(provider, arrival, ProvenSession { id, person }, begun.return_to, now).await
            }
            None => self.comer(provider, arrival, begun.return_to, now).await,
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

    async fn comer(
        &self,
        provider: &Provider,
        arrival: Arrival,
        return_to: String,
        now: Timestamp,
    ) -> Result<Arrived, SignInError> {
        let session = arrival.session.clone();
        // Who has been signed in there for days has not just shown who they are.
        let proven_at = arrival.authenticated_at.unwrap_or(now - PROVEN).min(now);
        let (person, wants) = match self.known(&provider.settings, &arrival.subject).await? {
            Some(known) if !known.enabled => return Err(SignInError::Disabled(known.id)),
            Some(known) => (known.id, Wants::Session(Box::new(known))),
            None => {
                let account = NewAccount::of(&provider.settings, arrival)?;
                (account.id, Wants::Account(Box::new(account)))
            }
        };
        Ok(Arrived { person, wants, return_to, issuer: provider.settings.issuer.clone(), session, proven_at })
    }

    async fn prover(
        &self,
        provider: &Provider,
        arrival: Arrival,
        proves: ProvenSession,
        return_to: String,
        now: Timestamp,
    ) -> Result<Arrived, SignInError> {
        let issuer = provider.settings.issuer.clone();
        let known = self.0.store.person_of_subject(&issuer, &arrival.subject).await?;
        let person: PersonRow = known.ok_or(SignInError::OtherPerson)?;
        if person.id != proves.person {
            return Err(SignInError::OtherPerson);
        }
        if !person.enabled {
            return Err(SignInError::Disabled(person.id));
        }
        let proven_at = arrival.authenticated_at.ok_or(SignInError::Stale)?.min(now);
        let (person, wants) = (person.id, Wants::Proof(proves));
        Ok(Arrived { person, wants, return_to, issuer, session: arrival.session, proven_at })
    }

    /// Does what somebody came for: makes their account, opens a session or notes the proof.
    pub async fn settle(&self, arrived: Arrived, from: IpAddr, now: Timestamp) -> Settled {
        let Arrived { person: drawn, wants, issuer, session, proven_at, .. } = arrived;
        let (is_done, person) = match wants {
            Wants::Account(account) => match self.make(*account, now).await {
                // Not where they came in another window, too, whose sign-in was faster.
                Ok(person) => (person.id == drawn, person),
                Err(error) => return Settled { is_done: false, ended: Err(error) },
            },
            Wants::Session(person) => (true, *person),
            Wants::Proof(proves) => {
                let ended = self.prove(&proves, session.as_deref(), proven_at, now).await.map(|()| None);
                return Settled { is_done: ended.is_ok(), ended };
            }
        };
        let ended = self.open(person, SessionOrigin { issuer, session }, proven_at, from, now).await;
        Settled { is_done, ended: ended.map(Some) }
    }

    async fn prove(
        &self,
        proves: &ProvenSession,
        session: Option<&str>,
        proven_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        if !self.0.store.prove_provider_session(proves, session, proven_at, now).await? {
            return Err(SignInError::Ended);
        }
        self.0.accounts.changed();
        Ok(())
    }

    async fn open(
        &self,
        person: PersonRow,
        origin: SessionOrigin,
        proven_at: Timestamp,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Opened, SignInError> {
        if !person.enabled {
            return Err(SignInError::Disabled(person.id));
        }
        Ok(self.0.accounts.open_elsewhere(person, origin, proven_at, from, now).await?)
    }

    fn provider(&self, id: &str) -> Option<&Provider> {
        self.0.providers.iter().find(|provider| provider.settings.id == id)
    }
}

fn use_of(state_hash: &str) -> String {
    format!("sign-in/{state_hash}")
}

fn suffix(state_hash: &str) -> String {
    state_hash.chars().take(TOLD_APART_BY).collect()
}

/// 256 bits of chance: 43 characters, as few as a code verifier may have (RFC 7636, section 4.1).
fn drawn() -> Result<String, PkiError> {
    Ok(URL_SAFE_NO_PAD.encode(random::bytes::<32>()?))
}
