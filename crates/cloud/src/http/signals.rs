//! The latest values of a car's signals, and their stream.

use axum::{extract::State, response::Response};

use super::{
    Api,
    extract::{Json, Path, Query},
    problem::Problem,
    words::VehicleIdHex,
};
use types::{Signals, SignalsQuery};

pub mod types;

/// The latest value of each signal of a car.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/signals", tag = "signals",
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"), SignalsQuery),
    responses((status = 200, description = "The signals that the purpose may see", body = Signals)),
)]
pub async fn list_signals(
    State(_api): State<Api>,
    Path(_vehicle_id): Path<VehicleIdHex>,
    Query(_query): Query<SignalsQuery>,
) -> Result<Json<Signals>, Problem> {
    Err(Problem::unavailable("soon"))
}

/// Follows a car's signals.
///
/// Server-sent events: `snapshot` (`Signals`) first, and again when the client falls behind; then `signals`
/// (`SignalChanges`) as they change, at most ten times a second; `connectivity` (`ConnectivityChanges`) when
/// the car comes or goes.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/signals/events", tag = "signals",
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id"), SignalsQuery),
    responses((status = 200, description = "The stream", content_type = "text/event-stream", body = String,
        example = "event: signals\ndata: {\"items\":[]}\n\n")),
)]
pub async fn stream_signal_events(
    State(_api): State<Api>,
    Path(_vehicle_id): Path<VehicleIdHex>,
    Query(_query): Query<SignalsQuery>,
) -> Result<Response, Problem> {
    Err(Problem::unavailable("soon"))
}
