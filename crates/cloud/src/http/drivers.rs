//! Drivers: invited by the owner, linked by a code that the car shows.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use identity::{Condition, Facts, Function, VehiclePart, What};
use possession::CodeKind;

use super::{
    Api,
    audit::trail::Trail,
    auth::{Caller, SignedIn},
    edge,
    extract::{Json, Path, Paths},
    gate::{Gate, of_car},
    links::types::{DriverLink, NewDriverLink, OpenInvitation},
    problem::Problem,
    words::{Time, VehicleIdHex},
};

/// Invites a driver.
///
/// Hand the invitation's id to whoever is to drive: with it, and a code that the car shows, they become a driver.
#[utoipa::path(
    post, path = "/v1/vehicles/{vehicle_id}/drivers", tag = "ownership",
    extensions(("x-marque-action" = json!("driver_link.create"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 201, description = "Invited", body = OpenInvitation)),
)]
pub(crate) async fn invite_driver(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    trail: Trail,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    trail.car(&car);
    let invitation = api.ownership().invite(&car, signed_in.person(), api.now()).await?;
    Ok((StatusCode::CREATED, Json(OpenInvitation::of(invitation))).into_response())
}

/// Becomes a driver, with the owner's invitation and the code that the car shows for a driver.
#[utoipa::path(
    post, path = "/v1/driver-links", tag = "ownership", request_body = NewDriverLink,
    extensions(("x-marque-action" = json!("driver_link.accept"))),
    responses((status = 201, description = "You drive the car", body = DriverLink)),
)]
pub(crate) async fn create_driver_link(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    trail: Trail,
    Caller(from): Caller,
    Json(body): Json<NewDriverLink>,
) -> Result<Response, Problem> {
    let (who, now) = (signed_in.person(), api.now());
    let proven = api.ownership().prove(&body.code, CodeKind::Driver, (who, from), now).await?;
    let car = api.car(proven.vehicle())?;
    trail.car(&car);
    let invitation = api.ownership().invitation(&body.invitation, car.vehicle, now).await?;
    let why = "this is no open invitation to this car; ask its owner for another one";
    let invitation = invitation.ok_or_else(|| Problem::at("invitation", why))?;
    gate.ask(of_car(&car), Facts::NONE.with(Condition::Possession).with(Condition::Invited))?;
    let link = api.ownership().accept(&proven, &invitation, &car, who, now).await?;
    let answer = DriverLink {
        driver_link_id: link.id,
        vehicle_id: VehicleIdHex(car.vehicle),
        since: Time(link.starts_at),
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Ends a driver's link, or an open invitation: the owner any, a driver the own link.
#[utoipa::path(
    delete, path = "/v1/vehicles/{vehicle_id}/drivers/{driver_link_id}", tag = "ownership",
    extensions(("x-marque-action" = json!("driver_link.end"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"),
        ("driver_link_id" = String, Path, description = "The id of the link or the invitation")),
    responses((status = 204, description = "Ended")),
)]
pub(crate) async fn end_driver_link(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    trail: Trail,
    Paths(vehicle_id, driver_link_id): Paths<VehicleIdHex, String>,
) -> Result<Response, Problem> {
    let none = || Problem::not_found("no such driver; GET /v1/vehicles/{vehicle_id}/people lists them");
    let now = api.now();
    let car = api.registry().car(vehicle_id.0).ok_or_else(none)?;
    let links = api.store().links_to(car.vehicle, now).await?;
    let is_driver = |function: &str| function == Function::Driver.slug();
    let link = links.iter().find(|link| link.id == driver_link_id && is_driver(&link.function));
    let part = VehiclePart::DriverLink { driver: link.map(|link| link.person) };
    gate.ask(What::OfVehicle { vehicle: car.vehicle, brand: car.brand, part }, Facts::NONE)
        .map_err(|problem| problem.hidden_as(none))?;
    trail.car(&car);
    if api.ownership().end_driver(&car, &driver_link_id, signed_in.person(), now).await? {
        Ok(edge::empty(StatusCode::NO_CONTENT))
    } else {
        Err(none())
    }
}
