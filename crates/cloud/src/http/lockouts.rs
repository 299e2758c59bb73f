//! Names and addresses that guessed too often, and wait.

use axum::{extract::State, http::StatusCode, response::Response};
use identity::attempts::Key;

use super::{
    Api,
    audit::trail::Trail,
    edge,
    extract::{Json, Path},
    gate::Gate,
    problem::Problem,
};
use crate::words::Time;
use types::{Lockout, LockoutKind, Lockouts};

pub(crate) mod types;

/// Lists which names and addresses are locked out now.
///
/// A name is not told: what was typed may be a password. Each node counts by itself.
#[utoipa::path(
    get, path = "/v1/lockouts", tag = "people",
    extensions(("x-marque-action" = json!("lockout.list"))),
    responses((status = 200, description = "All of them, those that end last first", body = Lockouts)),
)]
pub(crate) async fn list_lockouts(State(api): State<Api>, _gate: Gate) -> Json<Lockouts> {
    let locked = api.accounts().locked(api.now()).into_iter();
    Json(Lockouts { items: locked.map(|(key, until)| lockout(&api, key, Time(until))).collect() })
}

/// Lifts a lock-out: the name or the address may try again at once.
#[utoipa::path(
    delete, path = "/v1/lockouts/{lockout_id}", tag = "people",
    extensions(("x-marque-action" = json!("lockout.clear"))),
    params(("lockout_id" = String, Path, description = "The lock-out's id")),
    responses((status = 204, description = "Lifted")),
)]
pub(crate) async fn clear_lockout(
    State(api): State<Api>,
    _gate: Gate,
    trail: Trail,
    Path(lockout_id): Path<String>,
) -> Result<Response, Problem> {
    let locked = api.accounts().locked(api.now());
    let found = locked.into_iter().find(|(key, _)| api.accounts().lockout_id(*key) == lockout_id);
    let (key, _) = found.ok_or_else(|| {
        Problem::not_found("nobody is locked out under this id; GET /v1/lockouts lists them")
    })?;
    trail.resource("lockout", &lockout_id);
    api.accounts().unlock(key);
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

fn lockout(api: &Api, key: Key, until: Time) -> Lockout {
    let (kind, address) = match key {
        Key::Identity(_) | Key::Elsewhere(_) => (LockoutKind::Name, None),
        Key::Address(address) => (LockoutKind::Address, Some(address.to_string())),
    };
    Lockout { lockout_id: api.accounts().lockout_id(key), kind, address, until }
}
