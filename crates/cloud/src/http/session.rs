//! Signing in and out.

use axum::{extract::State, http::StatusCode, response::Response};

use super::{Api, extract::Json, problem::Problem};
use types::{Credentials, NewSession, Session};

pub mod types;

/// Signs in.
///
/// The token goes into `Authorization: Bearer`. Browsers use the cookie that comes with it, which scripts
/// cannot read. After several wrong passwords the account is locked for a while (429 with `Retry-After`).
#[utoipa::path(
    post, path = "/v1/session", tag = "session", security(()),
    request_body = Credentials,
    responses((status = 201, description = "Signed in", body = NewSession,
        headers(("Set-Cookie" = String, description = "`marque_session`, HttpOnly, SameSite=Strict")))),
)]
pub async fn create_session(
    State(_api): State<Api>,
    Json(_body): Json<Credentials>,
) -> Result<Response, Problem> {
    Err(Problem::unavailable("soon"))
}

/// The session that this request is made in.
#[utoipa::path(
    get, path = "/v1/session", tag = "session",
    responses((status = 200, description = "The session", body = Session)),
)]
pub async fn get_session(State(_api): State<Api>) -> Result<Json<Session>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Signs out: the token and the cookie end at once.
#[utoipa::path(
    delete, path = "/v1/session", tag = "session",
    responses((status = 204, description = "Signed out")),
)]
pub async fn delete_session(State(_api): State<Api>) -> Result<StatusCode, Problem> {
    Err(Problem::unavailable("soon"))
}
