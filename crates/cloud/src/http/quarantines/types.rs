//! What the routes of quarantine say.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    quarantine::QuarantineReason,
    registry,
    words::{BrandSlug, QuarantineReasonSlug, Time, VehicleIdHex},
};

/// Which cars in quarantine to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QuarantinesQuery {
    #[param(inline)]
    pub brand: Option<BrandSlug>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// 1 to 500; 50 without it.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// A car whose identity lets nobody in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "brand": "peugeot",
    "since": "2026-11-23T08:15:30.000000Z", "reason": "two-places",
    "networks": ["192.0.2.0/24", "198.51.100.0/24"]
}))]
pub(crate) struct Quarantine {
    pub vehicle_id: VehicleIdHex,
    pub brand: BrandSlug,
    pub since: Time,
    pub reason: QuarantineReasonSlug,
    /// Where its two connections came from, without their last part; empty where it was something else.
    pub networks: Vec<String>,
}

/// One page of cars in quarantine, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "brand": "peugeot",
    "since": "2026-11-23T08:15:30.000000Z", "reason": "two-places",
    "networks": ["192.0.2.0/24", "198.51.100.0/24"]
}], "next_cursor": null }))]
pub(crate) struct QuarantinePage {
    pub items: Vec<Quarantine>,
    /// Null at the end.
    pub next_cursor: Option<String>,
}

/// What lifting a quarantine ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "revoked": 1 }))]
pub(crate) struct LiftedQuarantine {
    /// How many certificates were valid until now.
    pub revoked: u32,
}

/// Since when a car's identity lets nobody in, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({ "since": "2026-11-23T08:15:30.000000Z", "reason": "two-places" }))]
pub(crate) struct QuarantineSummary {
    pub since: Time,
    pub reason: QuarantineReasonSlug,
}

impl From<registry::Quarantined> for QuarantineSummary {
    fn from(known: registry::Quarantined) -> Self {
        Self { since: Time(known.since), reason: QuarantineReasonSlug(known.reason) }
    }
}

impl From<(store::QuarantineRow, model::Brand)> for Quarantine {
    fn from((row, brand): (store::QuarantineRow, model::Brand)) -> Self {
        Self {
            vehicle_id: VehicleIdHex(row.vehicle),
            brand: BrandSlug(brand),
            since: Time(row.since),
            reason: QuarantineReasonSlug(QuarantineReason::of(&row.reason)),
            networks: row.networks.into_iter().flat_map(|(one, other)| [one, other]).collect(),
        }
    }
}
