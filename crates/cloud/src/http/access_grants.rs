//! Dealerships' access to cars: given by owners, or redeemed by a code shown in the car.

use std::collections::BTreeSet;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use identity::{Condition, Facts, VehiclePart, What};
use model::{DataCategory, OrganisationId};
use possession::CodeKind;
use store::{AccessGrantRow, GrantsOf};

use super::{
    Api,
    audit::trail::Trail,
    auth::{Caller, SignedIn},
    edge,
    extract::{Json, Path, Paths},
    gate::{Gate, of_car},
    organisations,
    problem::{Kind, Problem},
    words::{CategorySlug, VehicleIdHex},
};
use crate::ownership::{BY_CODE, BY_OWNER_MAX, OrganisationKind, Wanted, may_be_granted};
use types::{AccessGrant, AccessGrants, NewAccessGrant, RedeemedCode};

pub(crate) mod types;

/// Grants in one list; a car has a few a year.
const LISTED_MAX: u32 = 500;

/// Gives a dealership access to a car, for 30 days at most.
#[utoipa::path(
    post, path = "/v1/vehicles/{vehicle_id}/access-grants", tag = "ownership", request_body = NewAccessGrant,
    extensions(("x-marque-action" = json!("access_grant.create"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 201, description = "The dealership has access", body = AccessGrant)),
)]
pub(crate) async fn create_access_grant(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    trail: Trail,
    Path(vehicle_id): Path<VehicleIdHex>,
    Json(body): Json<NewAccessGrant>,
) -> Result<Response, Problem> {
    let (car, now) = (gate.car(vehicle_id.0)?, api.now());
    trail.car(&car);
    let categories = categories(&body.categories)?;
    if body.until.0 <= now || body.until.0 > now + BY_OWNER_MAX {
        return Err(Problem::at("until", "must lie in the next 30 days"));
    }
    let dealership =
        organisations::serving(&api, body.dealership_id.0, OrganisationKind::Dealership, car.brand).await?;
    let dealership = dealership.ok_or_else(|| {
        let why = "there is no such dealership for this car; GET /v1/dealerships lists them";
        Problem::at("dealership_id", why)
    })?;
    let wanted = Wanted { dealership: dealership.id, categories, until: body.until.0 };
    let grant = api.ownership().grant_access(&car, wanted, signed_in.person(), None, now).await?;
    let answer = AccessGrant::of(grant, Some(dealership.name));
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Gets the own dealership access to a car for 72 hours, by the code that the car shows for a workshop.
///
/// The owner is told at once, in the car and outside, and can end it.
#[utoipa::path(
    post, path = "/v1/access-grants", tag = "ownership", request_body = RedeemedCode,
    extensions(("x-marque-action" = json!("access_grant.redeem"))),
    responses((status = 201, description = "The dealership has access", body = AccessGrant)),
)]
pub(crate) async fn redeem_access_grant(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    trail: Trail,
    Caller(from): Caller,
    Json(body): Json<RedeemedCode>,
) -> Result<Response, Problem> {
    let (who, now) = (signed_in.person(), api.now());
    let categories = categories(&body.categories)?;
    let dealership = own_dealership(&signed_in)?;
    let proven = api.ownership().prove(&body.code, CodeKind::Workshop, (who, from), now).await?;
    let car = api.car(proven.vehicle())?;
    trail.car(&car);
    let dealership =
        organisations::serving(&api, dealership, OrganisationKind::Dealership, car.brand).await?;
    let dealership = dealership
        .ok_or_else(|| Problem::new(Kind::Forbidden, "your dealership does not look after this brand"))?;
    gate.ask(of_car(&car), Facts::NONE.with(Condition::Possession))?;
    let wanted = Wanted { dealership: dealership.id, categories, until: now + BY_CODE };
    let grant = api.ownership().grant_access(&car, wanted, who, Some(&proven), now).await?;
    let answer = AccessGrant::of(grant, Some(dealership.name));
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Lists which dealerships have or had access to a car since it has its owner, the newest first.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/access-grants", tag = "ownership",
    extensions(("x-marque-action" = json!("access_grant.list"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "All of them", body = AccessGrants)),
)]
pub(crate) async fn list_access_grants(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<AccessGrants>, Problem> {
    let car = gate.car(vehicle_id.0)?;
    trail.car(&car);
    let since = api.store().current_subject(car.vehicle).await?.began_at;
    let of = GrantsOf::Vehicle { vehicle: car.vehicle, since };
    Ok(Json(named(&api, api.store().access_grants(of, LISTED_MAX).await?).await?))
}

/// Lists the access grants of the own dealership, the newest first.
#[utoipa::path(
    get, path = "/v1/access-grants", tag = "ownership",
    extensions(("x-marque-action" = json!("access_grant.list_own"))),
    responses((status = 200, description = "The newest 500", body = AccessGrants)),
)]
pub(crate) async fn list_own_access_grants(
    State(api): State<Api>,
    _gate: Gate,
    signed_in: SignedIn,
    trail: Trail,
) -> Result<Json<AccessGrants>, Problem> {
    let of = GrantsOf::Dealership(own_dealership(&signed_in)?);
    let grants = api.store().access_grants(of, LISTED_MAX).await?;
    trail.count("access-grant", grants.len());
    Ok(Json(named(&api, grants).await?))
}

/// Ends a dealership's access to a car: the owner any, a dealer the own dealership's.
#[utoipa::path(
    delete, path = "/v1/vehicles/{vehicle_id}/access-grants/{access_grant_id}", tag = "ownership",
    extensions(("x-marque-action" = json!("access_grant.end"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"),
        ("access_grant_id" = String, Path, description = "The access grant's id")),
    responses((status = 204, description = "Ended")),
)]
pub(crate) async fn end_access_grant(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Paths(vehicle_id, access_grant_id): Paths<VehicleIdHex, String>,
) -> Result<Response, Problem> {
    let (none, now) = (|| Problem::not_found("no such access grant"), api.now());
    let car = api.registry().car(vehicle_id.0).ok_or_else(none)?;
    let grant = api.store().access_grant(car.vehicle, &access_grant_id, now).await?.ok_or_else(none)?;
    let part = VehiclePart::AccessGrant { dealership: grant.dealership };
    gate.ask(What::OfVehicle { vehicle: car.vehicle, brand: car.brand, part }, Facts::NONE)
        .map_err(|problem| problem.hidden_as(none))?;
    trail.car(&car);
    if api.ownership().end_access(&car, &grant, now).await? {
        Ok(edge::empty(StatusCode::NO_CONTENT))
    } else {
        Err(none())
    }
}

fn own_dealership(signed_in: &SignedIn) -> Result<OrganisationId, Problem> {
    let why = "your account belongs to no dealership; an administrator sets that";
    signed_in.session().person.dealership.ok_or_else(|| Problem::new(Kind::Forbidden, why))
}

/// Each once, and none that a workshop may not have.
fn categories(wanted: &[CategorySlug]) -> Result<Vec<DataCategory>, Problem> {
    for (index, category) in wanted.iter().enumerate() {
        if !may_be_granted(category.0) {
            let why = format!("`{category}` is nothing that a dealership may have");
            return Err(Problem::at(format!("categories[{index}]"), why));
        }
    }
    let categories: BTreeSet<DataCategory> = wanted.iter().map(|category| category.0).collect();
    if categories.is_empty() {
        return Err(Problem::at("categories", "name one at least"));
    }
    Ok(categories.into_iter().collect())
}

async fn named(api: &Api, grants: Vec<AccessGrantRow>) -> Result<AccessGrants, Problem> {
    let mut items = Vec::with_capacity(grants.len());
    let mut known: Vec<(OrganisationId, Option<String>)> = Vec::new();
    for grant in grants {
        let id = grant.dealership;
        if !known.iter().any(|(known, _)| *known == id) {
            known.push((id, api.store().organisation(id).await?.map(|dealership| dealership.name)));
        }
        let name = known.iter().find(|(known, _)| *known == id).and_then(|(_, name)| name.clone());
        items.push(AccessGrant::of(grant, name));
    }
    Ok(AccessGrants { items })
}
