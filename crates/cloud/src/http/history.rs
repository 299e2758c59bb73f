//! A car's history, from the buffer and the lake alike.

use axum::extract::State;

use super::{
    Api,
    extract::{Json, Path, Query},
    problem::Problem,
    words::VehicleIdHex,
};
use types::{HistoryPage, HistoryQuery};

pub mod types;

/// Reads a car's history, raw or reduced over intervals.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/history", tag = "history",
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"), HistoryQuery),
    responses((status = 200, description = "One page of rows", body = HistoryPage)),
)]
pub async fn get_history(
    State(_api): State<Api>,
    Path(_vehicle_id): Path<VehicleIdHex>,
    Query(_query): Query<HistoryQuery>,
) -> Result<Json<HistoryPage>, Problem> {
    Err(Problem::unavailable("soon"))
}
