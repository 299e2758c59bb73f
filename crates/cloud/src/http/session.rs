//! Signing in and out.

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Api,
    audit::strangers,
    auth::{self, Caller, SignedIn},
    edge::{self, RequestId},
    extract::Json,
    oidc,
    problem::{Kind, Problem},
};
use crate::accounts::{self, SignInError};
use types::{Credentials, NewSession, Session, StepUp};

pub(crate) mod types;

/// Signs in.
///
/// The token goes into `Authorization: Bearer`. Browsers use the cookie that comes with it, which scripts
/// cannot read. After several wrong passwords from one address it has to wait (429 with `Retry-After`).
#[utoipa::path(
    post, path = "/v1/session", tag = "session", security(()),
    request_body = Credentials,
    responses((status = 201, description = "Signed in", body = NewSession,
        headers(("Set-Cookie" = String, description = "`__Host-marque_session` by HTTPS, else `marque_session`; HttpOnly, \
            SameSite=Strict")))),
)]
pub(crate) async fn create_session(
    State(api): State<Api>,
    Caller(from): Caller,
    Extension(request): Extension<RequestId>,
    headers: HeaderMap,
    Json(body): Json<Credentials>,
) -> Result<Response, Problem> {
    let from_page = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    if from_page && !auth::same_origin(&headers) {
        return Err(Problem::new(Kind::Forbidden, "sign in on the console's own pages"));
    }
    let now = api.now();
    let opened = match api.accounts().sign_in(&body.username, body.proof(), from, now).await {
        Ok(opened) => opened,
        Err(error @ (SignInError::Wrong | SignInError::SecondFactor)) => {
            let problem = refused(error);
            let known = api.store().person_named(&body.username).await?.map(|person| person.id);
            strangers::sign_in_refused(&api, known, from, &request, &problem);
            return Err(problem);
        }
        Err(error) => return Err(refused(error)),
    };
    // A session whose beginning is not recorded is given to nobody.
    if let Err(problem) = strangers::signed_in(&api, opened.session.person.id, from, &request).await {
        api.accounts().sign_out(&opened.session).await?;
        return Err(problem);
    }
    let max_age_s = opened.session.expires_at.since(now).0 / 1_000_000;
    let cookie = auth::set_cookie(opened.token.reveal(), max_age_s, api.secure());
    let session = NewSession {
        token: opened.token.reveal().to_owned(),
        session: Session::of(&opened.session, api.policies(), now),
    };
    let mut response = (StatusCode::CREATED, Json(session)).into_response();
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/v1/session"));
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The session that this request is made in.
#[utoipa::path(
    get, path = "/v1/session", tag = "session",
    extensions(("x-marque-action" = json!("session.read"))),
    responses((status = 200, description = "The session", body = Session)),
)]
pub(crate) async fn get_session(State(api): State<Api>, signed_in: SignedIn) -> Json<Session> {
    Json(Session::of(signed_in.session(), api.policies(), api.now()))
}

/// Proves again who one is.
///
/// What is dangerous asks for a proof that is not older than ten minutes; signing in is one. Whose account is of an
/// identity provider proves it there: `GET /v1/oidc/{provider}/login?step_up=true`.
#[utoipa::path(
    post, path = "/v1/session/step-up", tag = "session", request_body = StepUp,
    extensions(("x-marque-action" = json!("session.step_up"))),
    responses((status = 200, description = "Proven", body = Session)),
)]
pub(crate) async fn step_up(
    State(api): State<Api>,
    signed_in: SignedIn,
    Caller(from): Caller,
    Json(body): Json<StepUp>,
) -> Result<Json<Session>, Problem> {
    let (session, now) = (signed_in.session(), api.now());
    oidc::only_here(session)?;
    api.accounts().prove(session, body.proof(), from, now).await.map_err(refused)?;
    let proven = accounts::Session { proven_at: now, ..session.clone() };
    Ok(Json(Session::of(&proven, api.policies(), now)))
}

/// Signs out: the token and the cookie end at once.
#[utoipa::path(
    delete, path = "/v1/session", tag = "session",
    extensions(("x-marque-action" = json!("session.end_own"))),
    responses((status = 204, description = "Signed out")),
)]
pub(crate) async fn delete_session(State(api): State<Api>, signed_in: SignedIn) -> Result<Response, Problem> {
    api.accounts().sign_out(signed_in.session()).await?;
    let mut response = edge::empty(StatusCode::NO_CONTENT);
    if let Some(cookie) = auth::set_cookie("", 0, api.secure()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

pub(crate) fn refused(error: SignInError) -> Problem {
    let text = error.to_string();
    match error {
        SignInError::Wrong => Problem::new(Kind::SignInRefused, text),
        SignInError::SecondFactor => Problem::new(Kind::SecondFactorRequired, text),
        SignInError::TooMany { retry_after_s } => {
            Problem::new(Kind::TooManyRequests, text).retry_after_s(retry_after_s)
        }
        SignInError::Busy => Problem::new(Kind::TooManyRequests, text).retry_after_s(1),
        SignInError::Store(error) => error.into(),
        SignInError::Seal(error) => Problem::internal(&error),
        SignInError::Random(error) => Problem::internal(&error),
    }
}
