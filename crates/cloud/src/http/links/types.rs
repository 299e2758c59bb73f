//! What the routes of owners and drivers say.

use serde::{Deserialize, Serialize};
use store::{InvitationRow, ReleaseRow};
use utoipa::ToSchema;

use crate::{
    http::problem::Problem,
    ownership::Named,
    words::{ReleaseStateSlug, Time, VehicleIdHex},
};

/// What a car's screen shows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "K7PM-2XQA" }))]
pub(crate) struct GivenCode {
    /// Small letters, spaces and hyphens do not matter.
    #[schema(max_length = 32)]
    pub code: String,
}

impl std::fmt::Debug for GivenCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GivenCode(..)")
    }
}

/// A car that is one's own.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "since": "2026-11-23T08:15:30.000000Z"
}))]
pub(crate) struct OwnerLink {
    pub vehicle_id: VehicleIdHex,
    pub since: Time,
}

/// The people of a car, and what is open about them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "owner": { "link_id": "0b9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "username": "anna", "since": "2026-11-23T08:15:30.000000Z" },
    "drivers": [{ "link_id": "7c9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "username": "ben", "since": "2026-11-24T08:15:30.000000Z" }],
    "invitations": [], "offered_until": null, "releases": []
}))]
pub(crate) struct VehiclePeople {
    pub owner: Option<LinkedPerson>,
    pub drivers: Vec<LinkedPerson>,
    pub invitations: Vec<OpenInvitation>,
    /// Until when the car is offered to a buyer.
    pub offered_until: Option<Time>,
    /// Open requests that the owner loses the car, to which the owner can object.
    pub releases: Vec<OpenRelease>,
}

/// Somebody who owns or drives a car.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkedPerson {
    pub link_id: String,
    pub username: String,
    pub since: Time,
}

impl LinkedPerson {
    pub(crate) fn of((link, username): Named) -> Self {
        Self { link_id: link.id, username, since: Time(link.starts_at) }
    }
}

/// An open invitation of a driver.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "invitation_id": "4d9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "expires_at": "2026-11-30T08:15:30.000000Z"
}))]
pub(crate) struct OpenInvitation {
    /// For whoever is to drive: they give it with a code shown in the car.
    pub invitation_id: String,
    pub expires_at: Time,
}

impl OpenInvitation {
    pub(crate) fn of(row: InvitationRow) -> Self {
        Self { invitation_id: row.id, expires_at: Time(row.expires_at) }
    }
}

/// An open request that the owner loses the car.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenRelease {
    pub release_id: String,
    pub state: ReleaseStateSlug,
    pub requested_at: Time,
    /// When it lapses, or takes effect if it is approved.
    pub due_at: Time,
}

impl OpenRelease {
    pub(crate) fn of(row: ReleaseRow) -> Result<Self, Problem> {
        Ok(Self {
            release_id: row.id,
            state: ReleaseStateSlug(row.state.parse().map_err(|error| Problem::internal(&error))?),
            requested_at: Time(row.requested_at),
            due_at: Time(row.due_at),
        })
    }
}

/// A car that is offered to its buyer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "expires_at": "2026-11-26T08:15:30.000000Z"
}))]
pub(crate) struct Offer {
    pub vehicle_id: VehicleIdHex,
    pub expires_at: Time,
}

/// An invitation, and the code that its car shows for a driver.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "invitation": "4d9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "code": "K7PM-2XQA" }))]
pub(crate) struct NewDriverLink {
    #[schema(max_length = 64)]
    pub invitation: String,
    #[schema(max_length = 32)]
    pub code: String,
}

impl std::fmt::Debug for NewDriverLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewDriverLink(..)")
    }
}

/// A car that one drives.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "driver_link_id": "7c9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c",
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "since": "2026-11-23T08:15:30.000000Z"
}))]
pub(crate) struct DriverLink {
    pub driver_link_id: String,
    pub vehicle_id: VehicleIdHex,
    pub since: Time,
}
