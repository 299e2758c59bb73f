//! What the routes of releases say.

use serde::{Deserialize, Serialize};
use store::ListedRelease;
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::problem::Problem,
    words::{BrandSlug, PersonIdHex, ReleaseStateSlug, Time, VehicleIdHex},
};

/// Which requests to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OwnershipReleasesQuery {
    #[param(inline)]
    pub brand: Option<BrandSlug>,
    #[param(inline)]
    pub state: Option<ReleaseStateSlug>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// A request that one made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "release_id": "5e9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112",
    "requested_at": "2026-11-23T08:15:30.000000Z", "lapses_at": "2026-12-23T08:15:30.000000Z"
}))]
pub(crate) struct RequestedRelease {
    pub release_id: String,
    pub vehicle_id: VehicleIdHex,
    pub requested_at: Time,
    /// When it is over unless privacy has approved it.
    pub lapses_at: Time,
}

/// Who asks for a car.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Requester {
    pub person_id: PersonIdHex,
    pub username: String,
}

/// A request that a car's owner loses it. Who that is, the car's people say.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "release_id": "5e9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112",
    "brand": "peugeot", "state": "approved", "requested_at": "2026-11-23T08:15:30.000000Z",
    "requested_by": { "person_id": "6f1c6a02d4e84b7f8a3d5c6e7f809112", "username": "ben" },
    "approved_at": "2026-11-24T08:15:30.000000Z", "due_at": "2026-12-08T08:15:30.000000Z", "ended_at": null
}))]
pub(crate) struct OwnershipRelease {
    pub release_id: String,
    pub vehicle_id: VehicleIdHex,
    pub brand: BrandSlug,
    pub state: ReleaseStateSlug,
    pub requested_at: Time,
    pub requested_by: Requester,
    pub approved_at: Option<Time>,
    /// When an open one lapses, or takes effect if it is approved.
    pub due_at: Time,
    pub ended_at: Option<Time>,
}

impl OwnershipRelease {
    pub(crate) fn of(listed: ListedRelease) -> Result<Self, Problem> {
        let ListedRelease { release, brand, requester } = listed;
        Ok(Self {
            state: ReleaseStateSlug(release.state.parse().map_err(|error| Problem::internal(&error))?),
            release_id: release.id,
            vehicle_id: VehicleIdHex(release.vehicle),
            brand: BrandSlug(brand),
            requested_at: Time(release.requested_at),
            requested_by: Requester { person_id: PersonIdHex(release.requested_by), username: requester },
            approved_at: release.approved_at.map(Time),
            due_at: Time(release.due_at),
            ended_at: release.ended_at.map(Time),
        })
    }
}

/// One page of requests, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "release_id": "5e9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112",
    "brand": "peugeot", "state": "requested", "requested_at": "2026-11-23T08:15:30.000000Z",
    "requested_by": { "person_id": "6f1c6a02d4e84b7f8a3d5c6e7f809112", "username": "ben" },
    "approved_at": null, "due_at": "2026-12-23T08:15:30.000000Z", "ended_at": null
}], "next_cursor": null }))]
pub(crate) struct OwnershipReleasePage {
    pub items: Vec<OwnershipRelease>,
    pub next_cursor: Option<String>,
}
