//! Who asks: a bearer token, or the session's cookie where the request comes from our own pages.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::Response,
};
use model::PersonId;

use super::{
    Api,
    audit::trail,
    gate,
    problem::{Kind, Problem},
    server::Peer,
};
use crate::accounts::Session;

pub(crate) const COOKIE: &str = "marque_session";

/// The person behind a request; every route but the open ones has one.
#[derive(Clone)]
pub(crate) struct Principal {
    session: Arc<Session>,
    token: String,
}

impl Principal {
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn person(&self) -> PersonId {
        self.session.person.id
    }

    /// To look whether the session still holds.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }
}

impl std::fmt::Debug for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Principal").field("person", &self.person()).finish_non_exhaustive()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(sign_in_first)
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

/// Lets only requests with an open session through. It lies around all routes but the open ones, so that no
/// handler can forget it.
pub(crate) async fn require(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (principal, origin) = identify(&api, request.method(), request.headers()).await?;
    let allowed = origin.and_then(|()| gate::check(&api, &principal, &request));
    if let Err(problem) = allowed {
        return Err(trail::refused(&api, principal, request, problem).await);
    }
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

/// The same for metrics, which are open where only this machine can ask.
pub(crate) async fn require_for_metrics(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if !api.metrics_open() {
        let (principal, origin) = identify(&api, request.method(), request.headers()).await?;
        origin?;
        gate::check(&api, &principal, &request)?;
    }
    Ok(next.run(request).await)
}

/// Whose session it is, and whether the request may be made in it.
async fn identify(
    api: &Api,
    method: &Method,
    headers: &HeaderMap,
) -> Result<(Principal, Result<(), Problem>), Problem> {
    let (token, origin) = match bearer(headers) {
        Some(token) => (token.to_owned(), Ok(())),
        None => {
            let token = cookie(headers).ok_or_else(sign_in_first)?;
            (token.to_owned(), if method.is_safe() || same_origin(headers) { Ok(()) } else { Err(foreign()) })
        }
    };
    let session = api.accounts().session(&token, api.now()).await?.ok_or_else(sign_in_first)?;
    Ok((Principal { session: Arc::new(session), token }, origin))
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

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
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
pub(crate) fn set_cookie(token: &str, max_age_s: i64, https: bool) -> Option<HeaderValue> {
    let secure = if https { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&cookie).ok()
}
