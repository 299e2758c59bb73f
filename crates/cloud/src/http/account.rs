//! One's own account: password, second factor, sessions.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{
    Api,
    auth::SignedIn,
    edge,
    extract::{Json, Path},
    oidc,
    problem::Problem,
    session::{refused, types::Account},
};
use crate::{accounts::Session, people::Change, words::Time};
use types::{AccountChange, NewPassword, NewSecondFactor, OpenSession, OpenSessions, SecondFactorProof};

pub(crate) mod types;

/// One's own account.
#[utoipa::path(
    get, path = "/v1/account", tag = "account",
    extensions(("x-marque-action" = json!("account.read"))),
    responses((status = 200, description = "The account", body = Account)),
)]
pub(crate) async fn get_account(signed_in: SignedIn) -> Json<Account> {
    let session = signed_in.session();
    Json(Account::of(session))
}

/// Gives one's own account another name or address. The old address is told of another.
#[utoipa::path(
    patch, path = "/v1/account", tag = "account", request_body = AccountChange,
    extensions(("x-marque-action" = json!("account.update"))),
    responses((status = 200, description = "The account now", body = Account)),
)]
pub(crate) async fn change_account(
    State(api): State<Api>,
    signed_in: SignedIn,
    Json(body): Json<AccountChange>,
) -> Result<Json<Account>, Problem> {
    let session = signed_in.session();
    if body.username.is_some() {
        oidc::only_here(session)?;
    }
    let person = api.store().person(session.person.id).await?;
    let person = person.ok_or_else(|| Problem::unauthorized("the account is gone"))?;
    let (username, address) = (body.username.as_deref(), body.address.as_deref());
    let change = Change { username, address, by_oneself: true };
    api.people().change_own(&person, change, api.now()).await?;
    let username = body.username.unwrap_or_else(|| session.username.clone());
    let address = body.address.or_else(|| session.address.clone());
    Ok(Json(Account::of(&Session { username, address, ..session.clone() })))
}

/// Changes one's own password. All other sessions of the account end.
#[utoipa::path(
    post, path = "/v1/account/password", tag = "account", request_body = NewPassword,
    extensions(("x-marque-action" = json!("account.password.change"))),
    responses((status = 204, description = "It is the password from now on")),
)]
pub(crate) async fn change_password(
    State(api): State<Api>,
    signed_in: SignedIn,
    Json(body): Json<NewPassword>,
) -> Result<Response, Problem> {
    oidc::only_here(signed_in.session())?;
    check_password(&body.password)?;
    api.accounts().change_password(signed_in.session(), &body.password).await.map_err(refused)?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// Whether it may be a password.
pub(crate) fn check_password(password: &str) -> Result<(), Problem> {
    /// NIST SP 800-63B: length is what counts.
    const LENGTH_MIN: usize = 12;
    const BYTES_MAX: usize = 1_024;
    if password.chars().count() < LENGTH_MIN {
        return Err(Problem::at("password", format!("must have {LENGTH_MIN} characters at least")));
    }
    // What signs in has room for no more.
    if password.len() > BYTES_MAX {
        return Err(Problem::at("password", format!("must have {BYTES_MAX} bytes at most")));
    }
    Ok(())
}

/// Draws a second factor for one's own account.
///
/// It counts once the first one-time password of it was given by POST /v1/account/totp/confirmation.
#[utoipa::path(
    post, path = "/v1/account/totp", tag = "account",
    extensions(("x-marque-action" = json!("account.totp.enrol"))),
    responses((status = 201, description = "For an authenticator app; shown once", body = NewSecondFactor)),
)]
pub(crate) async fn draw_second_factor(
    State(api): State<Api>,
    signed_in: SignedIn,
) -> Result<Response, Problem> {
    oidc::only_here(signed_in.session())?;
    let drawn = api.accounts().draw_second_factor(signed_in.session(), api.now()).map_err(refused)?;
    let answer = NewSecondFactor {
        enrolment: drawn.enrolment,
        secret: drawn.secret,
        uri: drawn.uri,
        expires_at: Time(drawn.expires_at),
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Makes a drawn second factor the account's. All other sessions of the account end.
#[utoipa::path(
    post, path = "/v1/account/totp/confirmation", tag = "account", request_body = SecondFactorProof,
    extensions(("x-marque-action" = json!("account.totp.enrol"))),
    responses((status = 204, description = "Signing in takes it from now on")),
)]
pub(crate) async fn confirm_second_factor(
    State(api): State<Api>,
    signed_in: SignedIn,
    Json(body): Json<SecondFactorProof>,
) -> Result<Response, Problem> {
    let (session, now) = (signed_in.session(), api.now());
    oidc::only_here(session)?;
    let taken =
        api.accounts().take_second_factor(session, &body.enrolment, &body.one_time_password, now).await;
    taken.map_err(refused)?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// Takes one's own second factor away.
#[utoipa::path(
    delete, path = "/v1/account/totp", tag = "account",
    extensions(("x-marque-action" = json!("account.totp.remove"))),
    responses((status = 204, description = "The password alone is enough")),
)]
pub(crate) async fn remove_second_factor(
    State(api): State<Api>,
    signed_in: SignedIn,
) -> Result<Response, Problem> {
    oidc::only_here(signed_in.session())?;
    api.accounts().remove_second_factor(signed_in.session()).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// Lists one's own open sessions, the newest first.
#[utoipa::path(
    get, path = "/v1/account/sessions", tag = "account",
    extensions(("x-marque-action" = json!("session.list_own"))),
    responses((status = 200, description = "All of them", body = OpenSessions)),
)]
pub(crate) async fn list_own_sessions(
    State(api): State<Api>,
    signed_in: SignedIn,
) -> Result<Json<OpenSessions>, Problem> {
    let open = api.store().sessions_of(signed_in.person(), api.now()).await?;
    let here = &signed_in.session().id;
    Ok(Json(OpenSessions { items: open.into_iter().map(|row| OpenSession::of(row, here)).collect() }))
}

/// Ends one of one's own sessions: its token and cookie count no more.
#[utoipa::path(
    delete, path = "/v1/account/sessions/{session_id}", tag = "account",
    extensions(("x-marque-action" = json!("session.end_own"))),
    params(("session_id" = String, Path, description = "The session's id")),
    responses((status = 204, description = "Ended")),
)]
pub(crate) async fn end_own_session(
    State(api): State<Api>,
    signed_in: SignedIn,
    Path(session_id): Path<String>,
) -> Result<Response, Problem> {
    if api.accounts().end_session(signed_in.person(), &session_id).await? {
        Ok(edge::empty(StatusCode::NO_CONTENT))
    } else {
        Err(Problem::not_found("you have no such session; GET /v1/account/sessions lists them"))
    }
}
