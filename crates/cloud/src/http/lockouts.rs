//! Names and addresses that guessed too often, and wait.

use axum::{extract::State, http::StatusCode, response::Response};
use identity::attempts::Key;

use super::{
    Api, edge,
    extract::{Json, Path},
    gate::Gate,
    problem::Problem,
};
use crate::words::Time;
use types::{Lockout, LockoutKind, Lockouts};

pub(crate) mod types;

/// Lists which names and addresses are locked out now.
///
/// A name is known by its hash alone: what was typed may be a password. Each node counts by itself.
#[utoipa::path(
    get, path = "/v1/lockouts", tag = "people",
    extensions(("x-marque-action" = json!("lockout.list"))),
    responses((status = 200, description = "All of them, those that end last first", body = Lockouts)),
)]
pub(crate) async fn list_lockouts(State(api): State<Api>, _gate: Gate) -> Json<Lockouts> {
    let items = api.accounts().locked(api.now()).into_iter().map(|(key, until)| lockout(key, Time(until)));
    Json(Lockouts { items: items.collect() })
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
    Path(lockout_id): Path<String>,
) -> Result<Response, Problem> {
    let locked = api.accounts().locked(api.now());
    let found = locked.into_iter().find(|(key, _)| id(*key) == lockout_id);
    let (key, _) = found.ok_or_else(|| {
        Problem::not_found("nobody is locked out under this id; GET /v1/lockouts lists them")
    })?;
    api.accounts().unlock(key);
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

fn lockout(key: Key, until: Time) -> Lockout {
    let (kind, address) = match key {
        Key::Identity(_) => (LockoutKind::Name, None),
        Key::Address(address) => (LockoutKind::Address, Some(address.to_string())),
    };
    Lockout { lockout_id: id(key), kind, address, until }
}

/// Of a name its hash; of an address its bytes.
fn id(key: Key) -> String {
    match key {
        Key::Identity(hash) => hex::encode(hash),
        Key::Address(address) => match address {
            std::net::IpAddr::V4(address) => hex::encode(address.octets()),
            std::net::IpAddr::V6(address) => format!("v6{}", hex::encode(address.octets())),
        },
    }
}
