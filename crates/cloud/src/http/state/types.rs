//! What the state route says.

use serde::Serialize;
use utoipa::ToSchema;

use crate::words::Time;

/// What the platform wants of a car, what the car says it has, and how its queue stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "desired": [{ "kind": "campaigns", "version": 2, "created_at": "2026-11-23T08:00:00.000000Z" }],
    "reported": [{
        "kind": "campaigns", "version": 2, "reported_at": "2026-11-23T08:00:01.000000Z", "error": null
    }],
    "not_available": ["Vehicle.Powertrain.FuelSystem.Level"],
    "queue": { "bytes": 40960, "batches": 12, "dropped_batches": 0, "reported_at": "2026-11-23T08:15:30.000000Z" }
}))]
pub(crate) struct VehicleTwinState {
    pub desired: Vec<DesiredState>,
    pub reported: Vec<ReportedState>,
    /// Paths of signals that the car says it lacks.
    pub not_available: Vec<String>,
    /// Null until the car has reported.
    pub queue: Option<QueueState>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DesiredState {
    /// `campaigns`, `consent`.
    pub kind: String,
    pub version: u64,
    pub created_at: Time,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportedState {
    pub kind: String,
    pub version: u64,
    pub reported_at: Time,
    /// Why the car could not apply the version; null when it runs.
    pub error: Option<String>,
}

/// The car's own queue of batches that wait for the link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueState {
    pub bytes: u64,
    pub batches: u64,
    /// Dropped since the queue's epoch began, oldest of the lowest lane first.
    pub dropped_batches: u64,
    pub reported_at: Time,
}
