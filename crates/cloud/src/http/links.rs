//! Owners and their cars: linking one, giving it up, giving it to a buyer.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use identity::{Condition, Facts};
use possession::CodeKind;

use super::{
    Api,
    audit::trail::Trail,
    auth::{Caller, SignedIn},
    edge,
    extract::{Json, Path},
    gate::{Gate, of_car},
    problem::{Kind, Problem},
    words::{Time, VehicleIdHex},
};
use crate::ownership::OwnershipError;
use types::{GivenCode, LinkedPerson, Offer, OpenInvitation, OpenRelease, OwnerLink, VehiclePeople};

pub(crate) mod types;

/// Becomes the owner of a car that has none, by the code that it shows for an owner.
///
/// It begins anew: nothing is granted, nobody else drives or sees it, and what it sent before is not there.
#[utoipa::path(
    post, path = "/v1/links", tag = "ownership", request_body = GivenCode,
    extensions(("x-marque-action" = json!("vehicle.link"))),
    responses((status = 201, description = "The car is yours", body = OwnerLink)),
)]
pub(crate) async fn create_link(
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
    if api.ownership().owner(car.vehicle, now).await?.is_some() {
        let why = "the car has an owner; they offer it to you, or give it up, before you link it";
        return Err(Problem::conflict(why));
    }
    let facts = Facts::NONE.with(Condition::Possession).with(Condition::Unowned);
    gate.ask(of_car(&car), facts)?;
    api.ownership().link(&proven, &car, who, now).await?;
    let answer = OwnerLink { vehicle_id: VehicleIdHex(car.vehicle), since: Time(now) };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Gives one's car up without a successor.
///
/// All that was granted is withdrawn, all drivers, fleets and dealerships lose the car, and nobody sees what it
/// sent before.
#[utoipa::path(
    delete, path = "/v1/vehicles/{vehicle_id}/owner", tag = "ownership",
    extensions(("x-marque-action" = json!("vehicle.unlink"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 204, description = "The car has no owner any more")),
)]
pub(crate) async fn give_up_vehicle(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    trail.car(&car);
    api.ownership().give_up(&car, api.now()).await?;
    Ok(edge::empty(StatusCode::NO_CONTENT))
}

/// Who owns and drives a car, and what is open about it.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/people", tag = "ownership",
    extensions(("x-marque-action" = json!("vehicle.people.read"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "All of them", body = VehiclePeople)),
)]
pub(crate) async fn get_vehicle_people(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<VehiclePeople>, Problem> {
    let car = gate.car(vehicle_id.0)?;
    trail.car(&car);
    let people = api.ownership().people(car.vehicle, api.now()).await?;
    Ok(Json(VehiclePeople {
        owner: people.owner.map(LinkedPerson::of),
        drivers: people.drivers.into_iter().map(LinkedPerson::of).collect(),
        invitations: people.invitations.into_iter().map(OpenInvitation::of).collect(),
        offered_until: people.offer.map(|offer| Time(offer.expires_at)),
        releases: people.releases.into_iter().map(OpenRelease::of).collect::<Result<_, _>>()?,
    }))
}

/// Offers one's car to its buyer, for three days.
///
/// The buyer takes it over by the code that the car shows for an owner. Let nobody else sit in it meanwhile.
#[utoipa::path(
    post, path = "/v1/vehicles/{vehicle_id}/transfer", tag = "ownership",
    extensions(("x-marque-action" = json!("vehicle.transfer.start"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 201, description = "Offered", body = Offer)),
)]
pub(crate) async fn offer_vehicle(
    State(api): State<Api>,
    gate: Gate,
    signed_in: SignedIn,
    trail: Trail,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    trail.car(&car);
    let offer = api.ownership().offer(&car, signed_in.person(), api.now()).await?;
    let answer = Offer { vehicle_id, expires_at: Time(offer.expires_at) };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// Takes the offer of one's car back.
#[utoipa::path(
    delete, path = "/v1/vehicles/{vehicle_id}/transfer", tag = "ownership",
    extensions(("x-marque-action" = json!("vehicle.transfer.cancel"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 204, description = "Not offered any more")),
)]
pub(crate) async fn cancel_offer(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    trail.car(&car);
    if api.ownership().cancel_offer(car.vehicle, api.now()).await? {
        Ok(edge::empty(StatusCode::NO_CONTENT))
    } else {
        Err(Problem::not_found("the car is not offered to anybody"))
    }
}

/// Takes an offered car over, by the code that it shows for an owner.
///
/// It begins anew: nothing is granted, nobody else drives or sees it, and what it sent before is not there.
#[utoipa::path(
    post, path = "/v1/transfers", tag = "ownership", request_body = GivenCode,
    extensions(("x-marque-action" = json!("vehicle.transfer.accept"))),
    responses((status = 201, description = "The car is yours", body = OwnerLink)),
)]
pub(crate) async fn accept_transfer(
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
    let offer = api.store().offer(car.vehicle, now).await?;
    let offer =
        offer.ok_or_else(|| Problem::conflict("the car is not offered; its owner does that first"))?;
    if offer.offered_by == who {
        return Err(Problem::conflict("the car is yours already; its buyer takes it over"));
    }
    gate.ask(of_car(&car), Facts::NONE.with(Condition::Possession).with(Condition::Offered))?;
    api.ownership().take_over(&proven, &car, who, now).await?;
    let answer = OwnerLink { vehicle_id: VehicleIdHex(car.vehicle), since: Time(now) };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

impl From<OwnershipError> for Problem {
    fn from(error: OwnershipError) -> Self {
        let text = error.to_string();
        match error {
            OwnershipError::Code => Self::new(Kind::CodeRefused, text),
            OwnershipError::TooMany { retry_after_s } => {
                Self::new(Kind::TooManyRequests, text).retry_after_s(retry_after_s)
            }
            OwnershipError::Store(error) => error.into(),
            OwnershipError::Desired(error) => error.into(),
            OwnershipError::Audit(error) => error.into(),
            OwnershipError::Outbox(_) | OwnershipError::Random(_) => Self::internal(&error),
        }
    }
}
