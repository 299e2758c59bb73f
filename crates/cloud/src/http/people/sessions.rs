//! Open sessions of others.

use axum::{extract::State, http::StatusCode, response::Response};

use crate::http::{
    Api,
    account::types::{OpenSession, OpenSessions},
    audit::trail::Trail,
    auth::SignedIn,
    edge,
    extract::{Json, Path, Paths},
    gate::Gate,
    problem::Problem,
    words::PersonIdHex,
};

/// Lists the open sessions of a person, the newest first.
#[utoipa::path(
    get, path = "/v1/people/{person_id}/sessions", tag = "people",
    extensions(("x-marque-action" = json!("session.list"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 200, description = "All of them", body = OpenSessions)),
)]
pub(crate) async fn list_sessions(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    signed_in: SignedIn,
    Path(person_id): Path<PersonIdHex>,
) -> Result<Json<OpenSessions>, Problem> {
    let known = super::ask_about(&api, &gate, &trail, person_id.0).await?;
    let open = api.store().sessions_of(known.person.id, api.now()).await?;
    let here = &signed_in.session().id;
    Ok(Json(OpenSessions { items: open.into_iter().map(|row| OpenSession::of(row, here)).collect() }))
}

/// Ends all sessions of a person.
#[utoipa::path(
    delete, path = "/v1/people/{person_id}/sessions", tag = "people",
    extensions(("x-marque-action" = json!("session.end"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id")),
    responses((status = 204, description = "Ended")),
)]
pub(crate) async fn end_sessions(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(person_id): Path<PersonIdHex>,
) -> Result<Response, Problem> {
    let known = super::ask_about(&api, &gate, &trail, person_id.0).await?;
    api.accounts().end_sessions(known.person.id).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// Ends one session of a person.
#[utoipa::path(
    delete, path = "/v1/people/{person_id}/sessions/{session_id}", tag = "people",
    extensions(("x-marque-action" = json!("session.end"))),
    params(("person_id" = inline(PersonIdHex), Path, description = "The person's id"),
        ("session_id" = String, Path, description = "The session's id")),
    responses((status = 204, description = "Ended")),
)]
pub(crate) async fn end_session(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Paths(person_id, session_id): Paths<PersonIdHex, String>,
) -> Result<Response, Problem> {
    let known = super::ask_about(&api, &gate, &trail, person_id.0).await?;
    if api.accounts().end_session(known.person.id, &session_id).await? {
        Ok(edge::empty(StatusCode::NO_CONTENT))
    } else {
        Err(Problem::not_found("the person has no such session; the list of them says which are open"))
    }
}
