//! What the routes of notices say.

use model::{OrganisationId, VehicleId};
use serde::{Deserialize, Serialize};
use store::NoticeRow;
use utoipa::{IntoParams, ToSchema};

use crate::words::{OrganisationIdHex, PersonIdHex, Time, VehicleIdHex};

/// Which notices to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NoticesQuery {
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// One page of notices, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "notice_id": "2a9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "kind": "driver-linked",
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "organisation_id": null, "person_id": null,
    "at": "2026-11-23T08:15:30.000000Z", "acknowledged_at": null
}], "next_cursor": null }))]
pub(crate) struct NoticePage {
    pub items: Vec<Notice>,
    pub next_cursor: Option<String>,
}

/// What one was told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Notice {
    pub notice_id: String,
    /// What happened: `owner-linked`, `ownership-ended`, `offered`, `driver-linked`, `driver-link-ended`,
    /// `fleet-joined`, `fleet-left`, `access-granted`, `access-redeemed`, `access-ended`, `access-lost`,
    /// `release-requested`, `release-approved`, `release-objected`, `release-lapsed`, `released`; to who answers for
    /// privacy `release-waits`; to who guards a brand's security `account-made`, `account-changed`,
    /// `account-disabled`, `account-enabled`, `credentials-reset`, `role-given` or `role-ended`.
    pub kind: String,
    pub vehicle_id: Option<VehicleIdHex>,
    /// The fleet or the dealership.
    pub organisation_id: Option<OrganisationIdHex>,
    /// Whose account was acted on.
    pub person_id: Option<PersonIdHex>,
    pub at: Time,
    pub acknowledged_at: Option<Time>,
}

impl Notice {
    pub(crate) fn of(row: NoticeRow) -> Self {
        Self {
            notice_id: row.id,
            kind: row.kind,
            vehicle_id: row.vehicle.map(|id: VehicleId| VehicleIdHex(id)),
            organisation_id: row.organisation.map(|id: OrganisationId| OrganisationIdHex(id)),
            person_id: row.about.map(PersonIdHex),
            at: Time(row.at),
            acknowledged_at: row.acknowledged_at.map(Time),
        }
    }
}
