//! What the owners of cars grant.

use axum::extract::State;

use super::{
    Api,
    extract::{Json, Path},
    problem::Problem,
    words::VehicleIdHex,
};
use types::{GrantSet, PutGrants};

pub mod types;

/// The grants of a car's owner.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/grants", tag = "consent",
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "The grants", body = GrantSet)),
)]
pub async fn get_grants(
    State(_api): State<Api>,
    Path(_vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<GrantSet>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Replaces the grants of a car's owner; the car is told.
#[utoipa::path(
    put, path = "/v1/vehicles/{vehicle_id}/grants", tag = "consent",
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    request_body = PutGrants,
    responses((status = 200, description = "The grants that hold now", body = GrantSet)),
)]
pub async fn put_grants(
    State(_api): State<Api>,
    Path(_vehicle_id): Path<VehicleIdHex>,
    Json(_body): Json<PutGrants>,
) -> Result<Json<GrantSet>, Problem> {
    Err(Problem::unavailable("soon"))
}
