//! Fleets and dealerships, and the cars that owners put into fleets.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use identity::{Brands, BrandsThing, Facts, What};
use model::{Brand, OrganisationId};
use store::OrganisationRow;

use super::{
    Api,
    audit::trail::Trail,
    auth::SignedIn,
    edge,
    extract::{Json, Path, Query},
    gate::Gate,
    page,
    people::types::brands_of,
    problem::{Kind, Problem},
    words::{OrganisationIdHex, VehicleIdHex},
};
use crate::ownership::OrganisationKind;
use types::{
    Dealership, DealershipPage, FleetChoice, NewOrganisation, Organisation, OrganisationPage,
    OrganisationsQuery,
};

pub(crate) mod types;

/// Characters of a name.
const NAME_MAX: usize = 128;

/// Lists fleets and dealerships of one's brands.
#[utoipa::path(
    get, path = "/v1/organisations", tag = "organisations", params(OrganisationsQuery),
    extensions(("x-marque-action" = json!("organisation.list"))),
    responses((status = 200, description = "One page", body = OrganisationPage)),
)]
pub(crate) async fn list_organisations(
    State(api): State<Api>,
    gate: Gate,
    Query(query): Query<OrganisationsQuery>,
) -> Result<Json<OrganisationPage>, Problem> {
    let page = list(&api, &gate, None, &query).await?;
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(Json(OrganisationPage { items: page.items.into_iter().map(Organisation::of).collect(), next_cursor }))
}

/// Lists dealerships to choose from.
#[utoipa::path(
    get, path = "/v1/dealerships", tag = "organisations", params(OrganisationsQuery),
    extensions(("x-marque-action" = json!("dealership.list"))),
    responses((status = 200, description = "One page", body = DealershipPage)),
)]
pub(crate) async fn list_dealerships(
    State(api): State<Api>,
    gate: Gate,
    Query(query): Query<OrganisationsQuery>,
) -> Result<Json<DealershipPage>, Problem> {
    let page = list(&api, &gate, Some(OrganisationKind::Dealership), &query).await?;
    let next_cursor = page.next.map(|next| next.to_string());
    Ok(Json(DealershipPage { items: page.items.into_iter().map(Dealership::of).collect(), next_cursor }))
}

/// Registers a fleet or a dealership. It has no car and no access to any.
#[utoipa::path(
    post, path = "/v1/organisations", tag = "organisations", request_body = NewOrganisation,
    extensions(("x-marque-action" = json!("organisation.create"))),
    responses((status = 201, description = "Registered", body = Organisation)),
)]
pub(crate) async fn create_organisation(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    trail: Trail,
    Json(body): Json<NewOrganisation>,
) -> Result<Response, Problem> {
    let name = body.name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Problem::at("name", format!("must have 1 to {NAME_MAX} printable characters")));
    }
    let brands = brands_of(&body.brands)?;
    gate.ask(of_brands(brands), Facts::NONE)
        .map_err(|problem| beyond_scope(problem, "none of your functions reaches all of these brands"))?;
    let new = OrganisationRow {
        id: OrganisationId::from_bytes([0; 16]),
        kind: body.kind.0.slug().to_owned(),
        name: name.to_owned(),
        brands: brands.iter().collect(),
        region: api.registry().region().clone(),
        enabled: true,
        created_at: api.now(),
        created_by: signed_in.person(),
    };
    let made = api.ownership().add_organisation(new).await?;
    trail.resource("organisation", made.id);
    trail.brands(brands.iter());
    Ok((StatusCode::CREATED, Json(Organisation::of(made))).into_response())
}

/// Disables a fleet or a dealership: its access to cars, and its cars' memberships, end at once.
#[utoipa::path(
    post, path = "/v1/organisations/{organisation_id}/disable", tag = "organisations",
    extensions(("x-marque-action" = json!("organisation.disable"))),
    params(("organisation_id" = inline(OrganisationIdHex), Path, description = "The organisation's id")),
    responses((status = 204, description = "Disabled")),
)]
pub(crate) async fn disable_organisation(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(organisation_id): Path<OrganisationIdHex>,
) -> Result<Response, Problem> {
    let none = || Problem::not_found("no such organisation; GET /v1/organisations lists them");
    let known = api.store().organisation(organisation_id.0).await?.ok_or_else(none)?;
    let brands = Brands::new(known.brands).map_err(|error| Problem::internal(&error))?;
    gate.ask(of_brands(brands), Facts::NONE).map_err(|problem| problem.hidden_as(none))?;
    trail.resource("organisation", known.id);
    trail.brands(brands.iter());
    // Who disables it again wants the same.
    api.ownership().disable_organisation(known.id, api.now()).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// Puts one's car into a fleet.
#[utoipa::path(
    put, path = "/v1/vehicles/{vehicle_id}/fleet", tag = "ownership", request_body = FleetChoice,
    extensions(("x-marque-action" = json!("fleet_membership.create"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 204, description = "The car is in the fleet")),
)]
pub(crate) async fn join_fleet(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(vehicle_id): Path<VehicleIdHex>,
    Json(body): Json<FleetChoice>,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    trail.car(&car);
    let fleet = serving(&api, body.fleet_id.0, OrganisationKind::Fleet, car.brand).await?;
    let why = "there is no such fleet for this car; ask the fleet for its id";
    let fleet = fleet.ok_or_else(|| Problem::at("fleet_id", why))?;
    if api.store().fleet_of(car.vehicle).await? != Some(fleet.id) {
        api.ownership().join_fleet(&car, fleet.id, api.now()).await?;
    }
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// Takes a car out of its fleet.
#[utoipa::path(
    delete, path = "/v1/vehicles/{vehicle_id}/fleet", tag = "ownership",
    extensions(("x-marque-action" = json!("fleet_membership.end"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 204, description = "The car is in no fleet")),
)]
pub(crate) async fn leave_fleet(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    trail.car(&car);
    if api.ownership().leave_fleet(&car, api.now()).await? {
        Ok(edge::empty(StatusCode::NO_CONTENT))
    } else {
        Err(Problem::not_found("the car is in no fleet"))
    }
}

/// An enabled organisation of this kind and brand.
pub(crate) async fn serving(
    api: &Api,
    id: OrganisationId,
    kind: OrganisationKind,
    brand: Brand,
) -> Result<Option<OrganisationRow>, Problem> {
    let known = api.store().organisation(id).await?;
    Ok(known.filter(|known| known.enabled && known.kind == kind.slug() && known.brands.contains(&brand)))
}

/// Those of the caller's brands.
async fn list(
    api: &Api,
    gate: &Gate,
    enabled_kind: Option<OrganisationKind>,
    query: &OrganisationsQuery,
) -> Result<store::Page<OrganisationRow>, Problem> {
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let (brands, kind) = (gate.brands()?.filter(), enabled_kind.map(OrganisationKind::slug));
    Ok(api.store().organisations(brands.as_deref(), kind, cursor.as_ref(), limit).await?)
}

fn of_brands(brands: Brands) -> What {
    What::OfBrands { brands, thing: BrandsThing::Organisation }
}

/// Brands that the request names itself are no secret.
fn beyond_scope(problem: Problem, why: &str) -> Problem {
    if problem.kind() == Kind::NotFound { Problem::new(Kind::Forbidden, why) } else { problem }
}
