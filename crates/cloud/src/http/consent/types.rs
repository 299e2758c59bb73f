//! What the grant routes say.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::{CategorySlug, PurposeSlug, Time};

/// What the owner of a car allows. What is not listed is not granted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "epoch": 3, "grants": [{
    "purpose": "fleet-management", "category": "location", "granted": true,
    "at": "2026-11-23T08:00:00.000000Z"
}] }))]
pub(crate) struct GrantSet {
    /// Grows by one with every change; batches carry it.
    pub epoch: u32,
    pub grants: Vec<Grant>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Grant {
    pub purpose: PurposeSlug,
    pub category: CategorySlug,
    pub granted: bool,
    /// When it was granted or withdrawn.
    pub at: Time,
}

/// The grants that shall hold. A grant of the car that is not listed is withdrawn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "grants": [
    { "purpose": "fleet-management", "category": "location", "granted": true },
    { "purpose": "fleet-management", "category": "driving", "granted": true }
] }))]
pub(crate) struct PutGrants {
    #[schema(max_items = 66)]
    pub grants: Vec<GrantChange>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantChange {
    pub purpose: PurposeSlug,
    pub category: CategorySlug,
    pub granted: bool,
}
