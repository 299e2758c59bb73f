//! Desired and reported state of a car.

use axum::{extract::State, http::HeaderMap, response::Response};
use model::Timestamp;

use super::{
    Api, etag,
    extract::Path,
    gate::Gate,
    problem::Problem,
    words::{Time, VehicleIdHex},
};
use types::{DesiredState, QueueState, ReportedState, VehicleTwinState};

pub(crate) mod types;

/// What the platform wants of a car and what the car says it has.
#[utoipa::path(
    get, path = "/v1/vehicles/{vehicle_id}/state", tag = "state",
    extensions(("x-marque-action" = json!("vehicle.state.read"))),
    params(("vehicle_id" = inline(VehicleIdHex), Path, description = "The vehicle's id")),
    responses((status = 200, description = "Desired and reported state", body = VehicleTwinState)),
)]
pub(crate) async fn get_state(
    State(api): State<Api>,
    gate: Gate,
    Path(vehicle_id): Path<VehicleIdHex>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let car = gate.car(vehicle_id.0)?;
    let desired = api.store().desired(car.vehicle).await?;
    let reported = api.store().reported(car.vehicle).await?;
    let report = api.store().report(car.vehicle).await?;
    let report = report
        .map(|(bytes, at)| wire::decode_report(&bytes).map(|report| (report, at)))
        .transpose()
        .map_err(|error| Problem::internal(&error))?;
    let queue = report.as_ref().map(|(report, at)| queue(report, *at));
    let state = VehicleTwinState {
        desired: desired
            .into_iter()
            .map(|row| DesiredState {
                kind: row.kind,
                version: row.version,
                created_at: Time(row.created_at),
            })
            .collect(),
        reported: reported
            .into_iter()
            .map(|row| ReportedState {
                kind: row.kind,
                version: row.version,
                reported_at: Time(row.reported_at),
                error: row.problem,
            })
            .collect(),
        not_available: report.map(|(report, _)| report.not_available).unwrap_or_default(),
        queue,
    };
    Ok(etag::answer(&headers, &state))
}

fn queue(report: &wire::Report, at: Timestamp) -> QueueState {
    let sum = |count: fn(&wire::QueueReport) -> u64| report.queues.iter().map(count).sum();
    QueueState {
        bytes: sum(|queue| queue.pending_bytes),
        batches: sum(|queue| queue.pending_batches),
        dropped_batches: sum(|queue| queue.dropped_batches),
        reported_at: Time(at),
    }
}
