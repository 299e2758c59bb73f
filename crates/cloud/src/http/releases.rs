//! Releases: a buyer whose seller did not let go, privacy that approves, an owner who objects.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use identity::{Condition, Facts};
use model::{Micros, VehicleId};
use possession::CodeKind;
use store::{ListedRelease, ReleaseFilter};

use super::{
    Api,
    audit::trail::Trail,
    auth::{Caller, SignedIn},
    edge,
    extract::{Json, Path, Query},
    gate::{Gate, of_car},
    links::types::GivenCode,
    page,
    problem::{Kind, Problem},
    words::{Time, VehicleIdHex},
};
use crate::registry::Car;
use types::{OwnershipRelease, OwnershipReleasePage, OwnershipReleasesQuery, RequestedRelease};

pub(crate) mod types;

/// How long a request that is over is kept: as long as what people were told of it.
pub(crate) const KEPT: Micros = super::notices::KEPT;

/// Asks that a car's owner, who sold it and did not let go, loses it: by the code that it shows for an owner.
///
/// The owner is told at once and can object. It lapses after 30 days without privacy's approval; 14 days after
/// that it takes effect, and the car can be linked by its code.
#[utoipa::path(
    post, path = "/v1/ownership-releases", tag = "ownership", request_body = GivenCode,
    extensions(("x-marque-action" = json!("ownership_release.request"))),
    responses((status = 201, description = "The owner is told", body = RequestedRelease)),
)]
pub(crate) async fn request_release(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    trail: Trail,
    Caller(from): Caller,
    Json(body): Json<GivenCode>,
) -> Result<Response, Problem> {
    let (who, now) = (signed_in.person(), api.now());
    let proven = api.ownership().prove(&body.code, CodeKind::Owner, (who, from), now).await?;
    let car = api.car(proven.vehicle())?;
    trail.car(&car);
    let owner = api.ownership().owner(car.vehicle, now).await?;
    let owner = owner.ok_or_else(|| Problem::conflict("the car has no owner; link it by POST /v1/links"))?;
    if owner == who {
        return Err(Problem::conflict("the car is yours already"));
    }
    gate.ask(of_car(&car), Facts::NONE.with(Condition::Possession).with(Condition::OwnedByAnother))?;
    let release = api.ownership().request_release(&proven, &car, (who, owner), now).await?;
    let answer = RequestedRelease {
        release_id: release.id,
        vehicle_id: VehicleIdHex(release.vehicle),
        requested_at: Time(release.requested_at),
        lapses_at: Time(release.due_at),
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Lists requests for release, the newest first.
#[utoipa::path(
    get, path = "/v1/ownership-releases", tag = "ownership", params(OwnershipReleasesQuery),
    extensions(("x-marque-action" = json!("ownership_release.list"))),
    responses((status = 200, description = "One page", body = OwnershipReleasePage)),
)]
pub(crate) async fn list_releases(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Query(query): Query<OwnershipReleasesQuery>,
) -> Result<Json<OwnershipReleasePage>, Problem> {
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let no_brand =
        || Problem::new(Kind::Forbidden, "none of your functions reaches the releases of any brand");
    let brands = gate.reach()?.brands_within(query.brand.map(|brand| brand.0))?.ok_or_else(no_brand)?;
    let brands: Vec<_> = brands.iter().collect();
    let filter = ReleaseFilter { brands: &brands, state: query.state.as_ref().map(|state| state.0.slug()) };
    let page = api.store().releases(filter, cursor.as_ref(), limit).await?;
    trail.count("tenant", page.items.len());
    trail.brands(page.items.iter().map(|item| item.brand).collect::<BTreeSet<_>>());
    let items = page.items.into_iter().map(OwnershipRelease::of).collect::<Result<_, _>>()?;
    Ok(Json(OwnershipReleasePage { items, next_cursor: page.next.map(|next| next.to_string()) }))
}

/// Approves a request after proof of the purchase. It takes effect in 14 days unless the owner objects.
#[utoipa::path(
    post, path = "/v1/ownership-releases/{release_id}/approval", tag = "ownership",
    extensions(("x-marque-action" = json!("ownership_release.approve"))),
    params(("release_id" = String, Path, description = "The request's id")),
    responses((status = 200, description = "Owner and requester are told", body = OwnershipRelease)),
)]
pub(crate) async fn approve_release(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(release_id): Path<String>,
) -> Result<Json<OwnershipRelease>, Problem> {
    let (found, car) = found(&api, &gate, &release_id).await?;
    trail.car(&car);
    api.ownership().approve_release(&found.release, &car, api.now()).await?;
    let approved = api.store().release(&release_id).await?.ok_or_else(none)?;
    OwnershipRelease::of(approved).map(Json)
}

/// Objects to a request about one's car. It is over.
#[utoipa::path(
    post, path = "/v1/ownership-releases/{release_id}/objection", tag = "ownership",
    extensions(("x-marque-action" = json!("ownership_release.object"))),
    params(("release_id" = String, Path, description = "The request's id")),
    responses((status = 204, description = "It is over")),
)]
pub(crate) async fn object_to_release(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(release_id): Path<String>,
) -> Result<Response, Problem> {
    let (found, car) = found(&api, &gate, &release_id).await?;
    trail.car(&car);
    api.ownership().object_to_release(&found.release, api.now()).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// The request and its car, if the action may be done to it. One that is not there is as one that is denied.
async fn found(api: &Api, gate: &Gate, id: &str) -> Result<(ListedRelease, Arc<Car>), Problem> {
    let found = api.store().release(id).await?;
    let vehicle = found.as_ref().map_or(VehicleId::from_bytes([0; 16]), |found| found.release.vehicle);
    let car = gate.car(vehicle).map_err(|problem| problem.hidden_as(none))?;
    Ok((found.ok_or_else(none)?, car))
}

fn none() -> Problem {
    Problem::not_found("no such request; owners find theirs by GET /v1/vehicles/{vehicle_id}/people")
}
