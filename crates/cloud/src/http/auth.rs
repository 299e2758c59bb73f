//! Who asks: a bearer token, or the session's cookie where the request comes from our own pages.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use identity::Principal as Who;
use model::{Micros, PersonId, Timestamp};

use super::{
    Api,
    audit::{actions::Found, trail},
    gate::Gate,
    problem::{Kind, Problem},
    rates,
    server::Peer,
};
use crate::{
    accounts::{Session, token_hash},
    oidc::{self, UntoldError},
    services,
};

/// By HTTPS its name has a prefix: [`cookie_name`].
pub(crate) const COOKIE: &str = "marque_session";

/// Who is behind a request; every route but the open ones has one.
#[derive(Clone)]
pub(crate) struct Principal(Arc<Inner>);

struct Inner {
    asker: Asker,
    who: Who,
    token: String,
    /// How often people, roles and links had changed when this was looked up.
    changes: u64,
    looked_up: Timestamp,
}

enum Asker {
    Person(Arc<Session>),
    Service,
}

/// A change that another process made is noticed after this.
const TRUSTED_FOR: Micros = Micros::SECOND;
/// While the store does not answer, a stream goes on for so long by what was known.
const TRUSTED_BLINDLY_FOR: Micros = Micros::from_secs(15);
/// Tokens that are remembered; with more at once, some are looked up more often.
const RECENT_MAX: usize = 4_096;

/// Who asked a moment ago, by the token's hash: a page asks ten times in a second.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<HashMap<String, Principal>>);

impl Recent {
    /// Who has this token; none when it opens nothing, or no more.
    async fn of(&self, api: &Api, token: &str) -> Result<Option<Principal>, UntoldError> {
        let hash = token_hash(token);
        let known = self.lock().get(&hash).cloned();
        let now = api.now();
        let found = match known {
            Some(known) if known.is_trusted(api, now) => {
                return Ok((!known.has_ended(now)).then_some(known));
            }
            Some(_) | None => Principal::of(api, token).await?,
        };
        let mut recent = self.lock();
        match &found {
            Some(found) => {
                if recent.len() >= RECENT_MAX && !recent.contains_key(&hash) {
                    recent.retain(|_, known| known.is_trusted(api, now));
                }
                if recent.len() < RECENT_MAX || recent.contains_key(&hash) {
                    recent.insert(hash, found.clone());
                }
            }
            None => drop(recent.remove(&hash)),
        }
        Ok(found)
    }

    /// Whether somebody had this token a moment ago, who may have lost it since.
    fn knows(&self, token: &str) -> bool {
        self.lock().contains_key(&token_hash(token))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Principal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Principal {
    async fn of(api: &Api, token: &str) -> Result<Option<Self>, UntoldError> {
        let changes = api.changes().count();
        let now = api.now();
        let (asker, who) = if token.starts_with(services::PREFIX) {
            let service = api.services().authenticate(token, now).await?;
            let Some(service) = service.filter(|service| service.enabled) else { return Ok(None) };
            (Asker::Service, Who::Service(service))
        } else {
            let session = if oidc::is_access_token(token) {
                api.oidc().session(token, now).await?
            } else {
                api.accounts().session(token, now).await?
            };
            let Some(session) = session else { return Ok(None) };
            let who = Who::Person(session.person.clone());
            (Asker::Person(Arc::new(session)), who)
        };
        let token = token.to_owned();
        Ok(Some(Self(Arc::new(Inner { asker, who, token, changes, looked_up: now }))))
    }

    pub(crate) fn who(&self) -> &Who {
        &self.0.who
    }

    /// What kind of somebody asks, and who.
    pub(crate) fn name(&self) -> (&'static str, String) {
        match &self.0.who {
            Who::Person(person) => ("person", person.id.to_string()),
            Who::Service(service) => ("service", service.id.to_string()),
            Who::Car { vehicle, .. } => ("car", vehicle.to_string()),
        }
    }

    /// The same for all requests of one person or service, and for nobody else.
    pub(crate) fn key(&self) -> [u8; 16] {
        match &self.0.who {
            Who::Person(person) => *person.id.as_bytes(),
            Who::Service(service) => *service.id.as_bytes(),
            Who::Car { vehicle, .. } => *vehicle.as_bytes(),
        }
    }

    /// Whether the proof is fresh enough for what is dangerous.
    pub(crate) fn is_proven(&self, now: Timestamp) -> bool {
        match &self.0.asker {
            Asker::Person(session) => session.is_proven(now),
            Asker::Service => false,
        }
    }

    /// The same as of now, for streams; none when the session has ended.
    pub(crate) async fn again(&self, api: &Api) -> Result<Option<Self>, UntoldError> {
        let now = api.now();
        if self.has_ended(now) {
            return Ok(None);
        }
        if self.is_trusted(api, now) {
            return Ok(Some(self.clone()));
        }
        match Self::of(api, &self.0.token).await {
            Err(_) if self.is_unchanged(api, now, TRUSTED_BLINDLY_FOR) => Ok(Some(self.clone())),
            found => found,
        }
    }

    fn is_trusted(&self, api: &Api, now: Timestamp) -> bool {
        self.is_unchanged(api, now, TRUSTED_FOR)
    }

    /// Whether nothing was changed here since it was looked up, which is not longer ago than this.
    fn is_unchanged(&self, api: &Api, now: Timestamp, for_at_most: Micros) -> bool {
        self.0.changes == api.changes().count() && now.since(self.0.looked_up) < for_at_most
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        match &self.0.asker {
            Asker::Person(session) => now >= session.expires_at,
            Asker::Service => false,
        }
    }

    /// Whether what was decided then would be decided so now, as far as time goes: no right of whoever asks began
    /// or ended in between, and neither did their proof.
    pub(crate) fn is_as(&self, then: &Self, decided: Timestamp, now: Timestamp) -> bool {
        let passed = |time: Timestamp| decided < time && time <= now;
        let span = |from: Timestamp, until: Option<Timestamp>| passed(from) || until.is_some_and(passed);
        let is_same = match (&self.0.who, &then.0.who) {
            (Who::Person(one), Who::Person(other)) => {
                let changes = one.assignments.iter().any(|held| span(held.from, held.until))
                    || one.links.iter().any(|link| span(link.from, link.until));
                !changes && one == other
            }
            (one, other) => one == other,
        };
        is_same && self.is_proven(now) == then.is_proven(decided)
    }
}

impl std::fmt::Debug for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Principal").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(sign_in_first)
    }
}

/// The session of the person behind a request, for what only people do.
#[derive(Debug)]
pub(crate) struct SignedIn(Arc<Session>);

impl SignedIn {
    pub(crate) fn session(&self) -> &Session {
        &self.0
    }

    pub(crate) fn person(&self) -> PersonId {
        self.0.person.id
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match &Principal::from_request_parts(parts, state).await?.0.asker {
            Asker::Person(session) => Ok(Self(Arc::clone(session))),
            Asker::Service => Err(Problem::new(Kind::Forbidden, "only people do this")),
        }
    }
}

/// The address of the person's machine. Behind a proxy it is what the proxy says last: what stands before
/// that, the client itself may have written.
pub(crate) struct Caller(pub IpAddr);

impl FromRequestParts<Api> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        // Without a listener there is nobody to tell apart.
        let peer = parts.extensions.get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
        let forwarded = if api.behind_proxy() { forwarded_for(&parts.headers) } else { None };
        Ok(Self(forwarded.unwrap_or(peer)))
    }
}

fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}

/// Lets only requests with an open session through, and not more of them than one identity may send. It lies around
/// all routes but the open ones, so that no handler can forget it.
pub(crate) async fn require(
    State(api): State<Api>,
    Caller(from): Caller,
    request: Request,
    next: Next,
) -> Response {
    if matches!(trail::found(&api, &request), Found::NoMethod) {
        return rates::of_address(&api, from, async { Ok(next.run(request).await) }).await;
    }
    let (principal, origin) = match identify(&api, from, request.method(), request.headers()).await {
        Ok(identified) => identified,
        Err(response) => return *response,
    };
    let key = principal.key();
    rates::of_identity(&api, key, admit(&api, principal, origin, request, next)).await
}

async fn admit(
    api: &Api,
    principal: Principal,
    origin: Result<(), Problem>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let gate = Gate::of(api, &principal, &request)?;
    let allowed = origin.and_then(|()| gate.as_ref().map_or(Ok(()), Gate::enter));
    if let Err(problem) = allowed {
        return Err(trail::refused(api, principal, request, problem).await);
    }
    request.extensions_mut().insert(principal);
    let Some(gate) = gate else { return Ok(next.run(request).await) };
    request.extensions_mut().insert(gate.clone());
    gate.close(next.run(request).await)
}

/// The same for metrics, which are open where only this machine can ask.
pub(crate) async fn require_for_metrics(
    State(api): State<Api>,
    Caller(from): Caller,
    request: Request,
    next: Next,
) -> Response {
    if api.metrics_open() {
        return next.run(request).await;
    }
    if matches!(trail::found(&api, &request), Found::NoMethod) {
        return rates::of_address(&api, from, async { Ok(next.run(request).await) }).await;
    }
    let (principal, origin) = match identify(&api, from, request.method(), request.headers()).await {
        Ok(identified) => identified,
        Err(response) => return *response,
    };
    let answers = async {
        origin?;
        Gate::of(&api, &principal, &request)?.map_or(Ok(()), |gate| gate.enter())?;
        Ok(next.run(request).await)
    };
    rates::of_identity(&api, principal.key(), answers).await
}

/// Whose session it is, and whether the request may be made in it. Each look is work for the store or for a core: an
/// address that guesses has only so many, and what others guess there keeps nobody out whose token was right a moment
/// ago.
async fn identify(
    api: &Api,
    from: IpAddr,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(Principal, Result<(), Problem>), Box<Response>> {
    let shown = shown(api, method, headers);
    if let Some((token, origin)) = shown.as_ref().filter(|(token, _)| api.recent().knows(token)) {
        match api.recent().of(api, token).await {
            Ok(Some(principal)) => return Ok((principal, origin.clone())),
            Ok(None) => {}
            Err(error) => return Err(Box::new(Problem::from(error).into_response())),
        }
    }
    let looks = async {
        let Some((token, origin)) = shown else { return Ok(None) };
        let found = api.recent().of(api, token).await?;
        Ok(found.map(|principal| (principal, origin)))
    };
    rates::of_token(api, from, looks, sign_in_first()).await
}

/// The token that a request shows, and whether it may.
fn shown<'h>(api: &Api, method: &Method, headers: &'h HeaderMap) -> Option<(&'h str, Result<(), Problem>)> {
    if let Some(token) = bearer(headers) {
        return Some((token, Ok(())));
    }
    let token = cookie(headers, &cookie_name(COOKIE, api.secure()))?;
    Some((token, if method.is_safe() || same_origin(headers) { Ok(()) } else { Err(foreign()) }))
}

/// The session of who reads an open page that is about it.
pub(crate) async fn session_of(api: &Api, headers: &HeaderMap) -> Result<Arc<Session>, Problem> {
    let (token, _) = shown(api, &Method::GET, headers).ok_or_else(sign_in_first)?;
    let principal = api.recent().of(api, token).await?.ok_or_else(sign_in_first)?;
    match &principal.0.asker {
        Asker::Person(session) => Ok(Arc::clone(session)),
        Asker::Service => Err(Problem::new(Kind::Forbidden, "only people do this")),
    }
}

impl From<UntoldError> for Problem {
    fn from(error: UntoldError) -> Self {
        match error {
            UntoldError::Store(error) => error.into(),
            UntoldError::Provider(error) => {
                tracing::debug!(%error, "an access token cannot be checked now");
                let why = "the identity provider's keys cannot be read now; try again in a moment";
                Self::unavailable(why).retry_after_s(1)
            }
        }
    }
}

fn foreign() -> Problem {
    let why = "a cookie counts only for requests of the console's own pages; use a bearer token";
    Problem::new(Kind::Forbidden, why)
}

fn sign_in_first() -> Problem {
    Problem::unauthorized("POST /v1/session gives a token; give it as `Authorization: Bearer`")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(crate) fn cookie<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    cookies(headers).find_map(|(name, value)| (name == wanted).then_some(value))
}

/// Names and values, as the browser orders them.
pub(crate) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// Browsers say where a request comes from; one that comes from elsewhere, or does not say, does not count
/// as the person's own.
pub(crate) fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let host = text("host");
    let origin = text("origin").and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    origin.is_some() && origin == host
}

/// The cookie that goes with a new session, or ends one.
pub(crate) fn set_cookie(token: &str, max_age_s: i64, secure: bool) -> Option<HeaderValue> {
    cookie_line(COOKIE, token, "Strict", max_age_s, secure)
}

/// A cookie that only these pages have, and no script.
pub(crate) fn cookie_line(
    name: &str,
    value: &str,
    same_site: &str,
    max_age_s: i64,
    secure: bool,
) -> Option<HeaderValue> {
    let (name, secure) = (cookie_name(name, secure), if secure { "; Secure" } else { "" });
    let line = format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite={same_site}{secure}");
    HeaderValue::from_str(&line).ok()
}

/// By HTTPS no other host of the domain can set it.
pub(crate) fn cookie_name(name: &str, secure: bool) -> String {
    if secure { format!("__Host-{name}") } else { name.to_owned() }
}
