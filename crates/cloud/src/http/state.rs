//! Desired and reported state of a car.

use axum::extract::State;

use super::{
    Api,
    extract::{Json, Path},
    problem::Problem,
    words::VehicleIdHex,
};
use types::VehicleTwinState;

pub mod types;

/// What the platform wants of a car and what the car says it has.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/state", tag = "state",
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "Desired and reported state", body = VehicleTwinState)),
)]
pub async fn get_state(
    State(_api): State<Api>,
    Path(_vehicle_id): Path<VehicleIdHex>,
) -> Result<Json<VehicleTwinState>, Problem> {
    Err(Problem::unavailable("soon"))
}
