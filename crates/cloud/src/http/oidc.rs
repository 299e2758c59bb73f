//! Signing in at identity providers (OpenID Connect).

use std::net::IpAddr;

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use identity::Action;
use url::form_urlencoded;

use super::{
    Api,
    audit::strangers,
    auth::{self, Caller},
    edge::{self, RequestId},
    extract::{Form, Json, Path, Query},
    problem::{Kind, Problem},
};
use crate::{
    errors::chain,
    oidc::{Callback, Failure, Oidc, SIGN_IN, Settled, SignInError, Wants},
};
use types::{IdentityProvider, IdentityProviders, LoginQuery, LogoutToken};

pub(crate) mod types;

/// What strangers may send: a logout token with the certificates of its key.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024;
/// Holds a sign-in that has begun, sealed; what tells it apart follows.
const COOKIE: &str = "marque_sign_in_";
/// Sign-ins that a browser has on their way. They go with each of its requests, and another site can send it here to
/// begin as many as it likes.
const BEGUN_MAX: usize = 3;

/// Lists the identity providers where people may sign in.
#[utoipa::path(
    get, path = "/v1/oidc", tag = "session", security(()),
    responses((status = 200, description = "As configured", body = IdentityProviders)),
)]
pub(crate) async fn list_identity_providers(State(api): State<Api>) -> Json<IdentityProviders> {
    let provider = |(id, name): (&str, &str)| IdentityProvider { id: id.to_owned(), name: name.to_owned() };
    Json(IdentityProviders { items: api.oidc().providers().map(provider).collect() })
}

/// Sends a browser to an identity provider to sign in.
///
/// It is a page for browsers, not for scripts. When the provider cannot be asked, it leads to `/sign-in?failed=` of
/// the console. With `step_up` it proves anew whose the session is; the account must be of this provider.
#[utoipa::path(
    get, path = "/v1/oidc/{provider}/login", tag = "session", security(()),
    params(("provider" = String, Path, description = "The provider's id"), LoginQuery),
    responses(
        (status = 303, description = "To the provider", headers(
            ("Location" = String, description = "The provider's page"),
            ("Set-Cookie" = String, description = "`__Host-marque_sign_in_…`, HttpOnly, SameSite=Lax, for the callback; \
                a browser has three at most, and the oldest goes"))),
    ),
)]
pub(crate) async fn begin_sign_in(
    State(api): State<Api>,
    Path(provider): Path<String>,
    Query(query): Query<LoginQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let return_to = query.return_to.as_deref().unwrap_or("/");
    if !api.oidc().is_return(return_to) {
        return Err(Problem::at("return_to", "must be a path of the console, such as `/vehicles`"));
    }
    let session = if query.step_up.unwrap_or(false) {
        let session = auth::session_of(&api, &headers).await?;
        if session.identity_provider.as_ref() != Some(&provider) {
            return Err(Problem::conflict("your account is not of this provider; step up where it is"));
        }
        Some(session)
    } else {
        None
    };
    match api.oidc().begin(&provider, return_to, session.as_deref(), api.now()).await {
        Ok(Some(begun)) => {
            let kept = cookie(&begun.suffix, &begun.cookie, SIGN_IN.0 / 1_000_000, api.secure());
            let given_up = given_up(&headers, api.secure());
            let given_up = given_up.iter().map(|suffix| cookie(suffix, "", 0, api.secure()));
            see_other(&begun.location, given_up.chain([kept]))
        }
        Ok(None) => Err(no_such_provider()),
        Err(error) => failed(&error, return_to, []),
    }
}

/// Takes a browser back from an identity provider.
///
/// Only the provider sends browsers here. Leads to the page where the sign-in began, or to `/sign-in?failed=` of the
/// console.
#[utoipa::path(
    get, path = "/v1/oidc/{provider}/callback", tag = "session", security(()),
    params(("provider" = String, Path, description = "The provider's id"), Callback),
    responses(
        (status = 303, description = "Signed in, or not", headers(
            ("Location" = String, description = "A page of the console"),
            ("Set-Cookie" = String, description = "`__Host-marque_session`, HttpOnly, SameSite=Strict"))),
    ),
)]
pub(crate) async fn end_sign_in(
    State(api): State<Api>,
    Caller(from): Caller,
    Extension(request): Extension<RequestId>,
    Path(provider): Path<String>,
    Query(callback): Query<Callback>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let now = api.now();
    let suffix = Oidc::cookie_suffix(&callback).unwrap_or_default();
    let brought = auth::cookie(&headers, &auth::cookie_name(&format!("{COOKIE}{suffix}"), api.secure()));
    let over = cookie(&suffix, "", 0, api.secure());
    let arrived = match api.oidc().finish(&provider, &callback, brought, from, now).await {
        Ok(arrived) => arrived.ok_or_else(no_such_provider)?,
        Err(Failure { error, was_begun }) => {
            record_failure(&api, &error, from, &request).await?;
            return failed(&error, "/", [over.filter(|_| was_begun)]);
        }
    };
    let (person, return_to) = (arrived.person, arrived.return_to.clone());
    let act = match &arrived.wants {
        Wants::Account(_) => Some(Action::PersonCreate),
        Wants::Session(_) => None,
        Wants::Proof(_) => Some(Action::SessionStepUp),
    };
    if let Some(act) = act {
        strangers::begun_by_person(&api, act, person, from, &request).await?;
    }
    let Settled { is_done, ended } = api.oidc().settle(arrived, from, now).await;
    if let Some(act) = act {
        let why_not = (!is_done).then(|| ended.as_ref().map_or_else(slug, |_| Kind::Conflict.slug()));
        strangers::ended_by_person(&api, act, person, from, &request, why_not).await;
    }
    let opened = match ended {
        Ok(opened) => opened,
        Err(error) => {
            record_failure(&api, &error, from, &request).await?;
            return failed(&error, "/", [over]);
        }
    };
    let Some(opened) = opened else { return see_other(&return_to, [over]) };
    // A session whose beginning is not recorded is given to nobody.
    if let Err(problem) = strangers::signed_in(&api, opened.session.person.id, from, &request).await {
        api.accounts().sign_out(&opened.session).await?;
        return Err(problem);
    }
    let max_age_s = opened.session.expires_at.since(now).0 / 1_000_000;
    let session = auth::set_cookie(opened.token.reveal(), max_age_s, api.secure());
    see_other(&return_to, [session, over])
}

/// Ends sessions that their identity provider says are over.
///
/// Only the provider calls it (OpenID Connect Back-Channel Logout 1.0): those of `sid` of its logout token, or else all
/// of `sub`. Streams of these sessions end with them.
#[utoipa::path(
    post, path = "/v1/oidc/{provider}/backchannel-logout", tag = "session", security(()),
    params(("provider" = String, Path, description = "The provider's id")),
    request_body(content = LogoutToken, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "They are over; the answer has no body")),
)]
pub(crate) async fn log_out(
    State(api): State<Api>,
    Caller(from): Caller,
    Extension(request): Extension<RequestId>,
    Path(provider): Path<String>,
    Form(body): Form<LogoutToken>,
) -> Result<Response, Problem> {
    let refused = |error: SignInError| {
        if let SignInError::Token(why) = error {
            return Problem::bad_request(format!("the logout token does not count: {why}"));
        }
        problem(&error)
    };
    let logout = api.oidc().read_logout(&provider, &body.logout_token, api.now()).await.map_err(refused)?;
    let logout = logout.ok_or_else(no_such_provider)?;
    for person in &logout.people {
        strangers::begun_by_person(&api, Action::SessionEndOwn, *person, from, &request).await?;
    }
    api.oidc().log_out(&logout).await.map_err(refused)?;
    for person in &logout.people {
        strangers::ended_by_person(&api, Action::SessionEndOwn, *person, from, &request, None).await;
    }
    Ok(edge::empty(StatusCode::OK))
}

/// What a stranger can bring about alone is not recorded: the provider had nobody to tell of, or was not asked.
async fn record_failure(
    api: &Api,
    error: &SignInError,
    from: IpAddr,
    request: &RequestId,
) -> Result<(), Problem> {
    let known = match error {
        SignInError::Over
        | SignInError::OtherBrowser
        | SignInError::TooMany
        | SignInError::OtherProvider
        | SignInError::Refused(_)
        | SignInError::Code(_)
        | SignInError::Discovery(_)
        | SignInError::Call(_) => return Ok(()),
        SignInError::Disabled(person) => Some(*person),
        SignInError::OtherPerson
        | SignInError::Stale
        | SignInError::Ended
        | SignInError::Token(_)
        | SignInError::Account(_)
        | SignInError::Store(_)
        | SignInError::Seal(_)
        | SignInError::Random(_) => None,
    };
    let refused = Problem::new(Kind::SignInRefused, error.to_string());
    strangers::arrival_refused(api, known, from, request, &refused).await
}

/// Why it failed, as the console tells it.
fn slug(error: &SignInError) -> &'static str {
    match error {
        SignInError::Over | SignInError::OtherBrowser | SignInError::Ended => "expired",
        SignInError::OtherProvider | SignInError::Code(_) | SignInError::Token(_) => "invalid",
        SignInError::Refused(_) => "refused",
        SignInError::OtherPerson => "other-person",
        SignInError::Stale => "stale",
        SignInError::Disabled(_) => "disabled",
        SignInError::TooMany => "busy",
        SignInError::Discovery(_) | SignInError::Call(_) => "unavailable",
        SignInError::Account(_) | SignInError::Store(_) | SignInError::Seal(_) | SignInError::Random(_) => {
            "failed"
        }
    }
}

/// To the sign-in page, which says what happened.
fn failed(
    error: &SignInError,
    return_to: &str,
    cookies: impl IntoIterator<Item = Option<HeaderValue>>,
) -> Result<Response, Problem> {
    let slug = slug(error);
    tracing::info!(slug, error = %chain(error), "a sign-in at a provider failed");
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("failed", slug)
        .append_pair("return_to", return_to)
        .finish();
    see_other(&format!("/sign-in?{query}"), cookies)
}

fn problem(error: &SignInError) -> Problem {
    if let SignInError::Discovery(_) | SignInError::Call(_) = error {
        tracing::warn!(error = %chain(error), "a provider cannot be asked");
        return Problem::unavailable("the provider's keys cannot be read now");
    }
    Problem::internal(error)
}

fn no_such_provider() -> Problem {
    Problem::not_found("no such identity provider; GET /v1/oidc lists them")
}

fn see_other(
    location: &str,
    cookies: impl IntoIterator<Item = Option<HeaderValue>>,
) -> Result<Response, Problem> {
    let mut response = edge::empty(StatusCode::SEE_OTHER);
    let location = HeaderValue::from_str(location).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(header::LOCATION, location);
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `Lax`, since the browser comes back from another site.
fn cookie(suffix: &str, value: &str, max_age_s: i64, secure: bool) -> Option<HeaderValue> {
    auth::cookie_line(&format!("{COOKIE}{suffix}"), value, "Lax", max_age_s, secure)
}

/// What tells the sign-ins apart that a browser has on their way and that have to go, so that another has room. The
/// first cookies are the oldest (RFC 6265, section 5.4).
fn given_up(headers: &HeaderMap, secure: bool) -> Vec<String> {
    let prefix = auth::cookie_name(COOKIE, secure);
    let suffixes = auth::cookies(headers).filter_map(|(name, _)| name.strip_prefix(&prefix));
    let mut begun: Vec<String> =
        suffixes.filter(|suffix| Oidc::is_suffix(suffix)).map(str::to_owned).collect();
    begun.truncate((begun.len() + 1).saturating_sub(BEGUN_MAX));
    begun
}

/// For routes that a provider account has no use for: what they change is at the provider.
pub(crate) fn only_here(session: &crate::accounts::Session) -> Result<(), Problem> {
    let Some(provider) = &session.identity_provider else { return Ok(()) };
    Err(Problem::conflict(format!(
        "the account is of the identity provider `{provider}`: password and second factor are there, and GET \
         /v1/oidc/{provider}/login?step_up=true proves who you are"
    )))
}
