//! What the routes of access grants say.

use serde::{Deserialize, Serialize};
use store::AccessGrantRow;
use utoipa::ToSchema;

use crate::words::{CategorySlug, OrganisationIdHex, Time, VehicleIdHex};

/// Access that a dealership is to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "dealership_id": "1b0f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "categories": ["diagnostics", "charging"],
    "until": "2026-11-30T18:00:00.000000Z"
}))]
pub(crate) struct NewAccessGrant {
    pub dealership_id: OrganisationIdHex,
    /// Never `location`, `identity`, `cabin` or `media`.
    #[schema(min_items = 1, max_items = 11)]
    pub categories: Vec<CategorySlug>,
    pub until: Time,
}

/// What a car shows for a workshop, and what the workshop has to see.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "K7PM-2XQA", "categories": ["diagnostics"] }))]
pub(crate) struct RedeemedCode {
    /// Small letters, spaces and hyphens do not matter.
    #[schema(max_length = 32)]
    pub code: String,
    /// Never `location`, `identity`, `cabin` or `media`.
    #[schema(min_items = 1, max_items = 11)]
    pub categories: Vec<CategorySlug>,
}

impl std::fmt::Debug for RedeemedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedeemedCode").field("categories", &self.categories).finish_non_exhaustive()
    }
}

/// Access grants, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "access_grant_id": "5e9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112",
    "dealership_id": "1b0f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "dealership": "Garage Dupont",
    "categories": ["diagnostics"], "by_code": true, "from": "2026-11-23T08:15:30.000000Z",
    "until": "2026-11-26T08:15:30.000000Z"
}] }))]
pub(crate) struct AccessGrants {
    pub items: Vec<AccessGrant>,
}

/// A dealership's access to a car, for a time and some categories.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "access_grant_id": "5e9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112",
    "dealership_id": "1b0f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "dealership": "Garage Dupont",
    "categories": ["diagnostics"], "by_code": true, "from": "2026-11-23T08:15:30.000000Z",
    "until": "2026-11-26T08:15:30.000000Z"
}))]
pub(crate) struct AccessGrant {
    pub access_grant_id: String,
    pub vehicle_id: VehicleIdHex,
    pub dealership_id: OrganisationIdHex,
    /// Its name.
    pub dealership: Option<String>,
    pub categories: Vec<CategorySlug>,
    /// Redeemed by the code shown in the car, not given by its owner.
    pub by_code: bool,
    pub from: Time,
    pub until: Time,
}

impl AccessGrant {
    pub(crate) fn of(row: AccessGrantRow, dealership: Option<String>) -> Self {
        Self {
            access_grant_id: row.id,
            vehicle_id: VehicleIdHex(row.vehicle),
            dealership_id: OrganisationIdHex(row.dealership),
            dealership,
            categories: row.categories.into_iter().map(CategorySlug).collect(),
            by_code: row.by_code,
            from: Time(row.starts_at),
            until: Time(row.ends_at),
        }
    }
}
