//! Cars whose identity two may have.

use axum::extract::State;
use model::VehicleId;

use super::{
    Api,
    audit::trail::Trail,
    extract::{Json, Path, Query},
    gate::Gate,
    page,
    problem::Problem,
    words::VehicleIdHex,
};
use crate::quarantine::{QuarantineError, QuarantineReason};
use types::{LiftedQuarantine, Quarantine, QuarantinePage, QuarantinesQuery};

pub(crate) mod types;

/// Lists cars in quarantine, the newest first.
#[utoipa::path(
    get, path = "/v1/quarantines", tag = "vehicles", params(QuarantinesQuery),
    extensions(("x-marque-action" = json!("quarantine.list"))),
    responses((status = 200, description = "One page", body = QuarantinePage)),
)]
pub(crate) async fn list_quarantines(
    State(api): State<Api>,
    gate: Gate,
    trail: Trail,
    Query(query): Query<QuarantinesQuery>,
) -> Result<Json<QuarantinePage>, Problem> {
    let (cursor, limit) = page::of(query.cursor.as_deref(), query.limit)?;
    let brands = gate.reach()?.brands_within(query.brand.map(|brand| brand.0))?;
    let brands: Vec<_> = brands.map(|brands| brands.iter().collect()).unwrap_or_default();
    let page = api.store().quarantines(Some(&brands), cursor.as_ref(), limit).await?;
    let items: Vec<_> = page.items.into_iter().map(Quarantine::from).collect();
    trail.count("tenant", items.len());
    Ok(Json(QuarantinePage { items, next_cursor: page.next.map(|next| next.to_string()) }))
}

/// A car's quarantine.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/quarantine", tag = "vehicles",
    extensions(("x-marque-action" = json!("quarantine.list"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "Since when, and why", body = Quarantine)),
)]
pub(crate) async fn get_quarantine(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<Quarantine>, Problem> {
    let car = gate.car(vehicle_id.0)?;
    of(&api, car.vehicle).await
}

/// Puts a car's identity into quarantine by hand: nobody comes in by it. One that is there already stays as it is.
///
/// If the car is connected, it is sent away within a second. What it queued stays in the car.
#[utoipa::path(
    put, path = "/v1/vehicles/{vehicle_id}/quarantine", tag = "vehicles",
    extensions(("x-marque-action" = json!("quarantine.create"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "It is in quarantine", body = Quarantine)),
)]
pub(crate) async fn put_quarantine(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<Quarantine>, Problem> {
    let car = gate.car(vehicle_id.0)?;
    api.quarantine().put(car.vehicle, QuarantineReason::ByHand, None, api.now()).await?;
    of(&api, car.vehicle).await
}

/// Lifts a car's quarantine. All its certificates and its unused credential end.
///
/// The car enrols over EST with a new key and a new credential, as after a change of its control unit.
#[utoipa::path(
    delete, path = "/v1/vehicles/{vehicle_id}/quarantine", tag = "vehicles",
    extensions(("x-marque-action" = json!("quarantine.release"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "Lifted", body = LiftedQuarantine)),
)]
pub(crate) async fn lift_quarantine(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<LiftedQuarantine>, Problem> {
    let car = gate.car(vehicle_id.0)?;
    let lifted = api.quarantine().lift(car.vehicle, api.now()).await?;
    Ok(Json(LiftedQuarantine { revoked: u32::try_from(lifted.revoked).unwrap_or(u32::MAX) }))
}

async fn of(api: &Api, vehicle: VehicleId) -> Result<Json<Quarantine>, Problem> {
    let found = api.store().quarantine_of(vehicle).await?.ok_or_else(none)?;
    Ok(Json(found.into()))
}

fn none() -> Problem {
    Problem::not_found("the car is in no quarantine; GET /v1/quarantines lists those that are")
}

impl From<QuarantineError> for Problem {
    fn from(error: QuarantineError) -> Self {
        match error {
            QuarantineError::None => none(),
            QuarantineError::Store(error) => error.into(),
        }
    }
}
