//! New credentials for people who lost theirs, or never had one.

use axum::{Extension, extract::State, http::StatusCode, response::Response};

use super::types::NewCredential;
use crate::{
    accounts::SignInError,
    http::{
        Api, account,
        audit::{strangers, trail::Trail},
        auth::Caller,
        edge::{self, RequestId},
        extract::{Json, Path},
        gate::Gate,
        problem::Problem,
        session,
        words::PersonIdHex,
    },
};

/// Voids an account's password and second factor, and sends its person a one-time link.
///
/// The link goes to the person's own address and into no answer. It counts for 24 hours.
#[utoipa::path(
    post, path = "/v1/people/{person_id}/credential-reset", tag = "people",
    extensions(("x-marque-action" = json!("person.credentials.reset"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 204, description = "Voided; the link is on its way")),
)]
pub(crate) async fn reset_credentials(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(person_id): Path<PersonIdHex>,
) -> Result<Response, Problem> {
    let known = super::ask_about(&api, &gate, &trail, person_id.0).await?;
    api.people().reset_credentials(&known, api.now()).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// Sets a password by a one-time link.
///
/// After several wrong tokens from one address it has to wait (429 with `Retry-After`).
#[utoipa::path(
    post, path = "/v1/credential-resets", tag = "session", security(()), request_body = NewCredential,
    responses((status = 204, description = "It is the password from now on")),
)]
pub(crate) async fn take_credential_reset(
    State(api): State<Api>,
    Caller(from): Caller,
    Extension(request): Extension<RequestId>,
    Json(body): Json<NewCredential>,
) -> Result<Response, Problem> {
    account::check_password(&body.password)?;
    let now = api.now();
    let person = match api.accounts().whose_reset(&body.token, from, now).await {
        Ok(person) => person,
        Err(error @ SignInError::Wrong) => {
            let problem = refused(error);
            strangers::credential_reset_refused(&api, from, &request, &problem).await?;
            return Err(problem);
        }
        Err(error) => return Err(refused(error)),
    };
    // Recorded before it is done: no password is set unseen.
    strangers::credential_reset(&api, person, from, &request).await?;
    api.accounts().take_reset(&body.token, &body.password, now).await.map_err(refused)?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

fn refused(error: SignInError) -> Problem {
    if matches!(error, SignInError::Wrong) {
        return Problem::at("token", "counts no more, or never did; ask an administrator for another link");
    }
    session::refused(error)
}
