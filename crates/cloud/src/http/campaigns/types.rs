//! What the campaign routes say.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::words::{BrandSlug, LaneSlug, PurposeSlug, RegionName, Time, VehicleIdHex};

/// What to collect, as a person writes it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Fleet basics", "purpose": "fleet-management",
    "groups": [
        { "signals": ["Vehicle.Speed"], "lane": "live", "every_ms": 1000, "flush_every_ms": 1000 },
        {
            "signals": ["Vehicle.Cabin.Door.Row1.DriverSide.IsOpen"], "lane": "bulk",
            "on_change": { "min_interval_ms": 500 }, "flush_every_ms": 10000
        }
    ]
}))]
pub struct CampaignDocument {
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    pub purpose: PurposeSlug,
    #[schema(min_items = 1, max_items = 64)]
    pub groups: Vec<CampaignGroup>,
}

/// Signals that are collected together. Give `every_ms` or `on_change`, not both.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignGroup {
    /// Paths of the catalogue.
    #[schema(min_items = 1, max_items = 1000)]
    pub signals: Vec<String>,
    pub lane: LaneSlug,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 10)]
    pub every_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_change: Option<OnChange>,
    #[schema(minimum = 100)]
    pub flush_every_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnChange {
    /// Samples of a signal are at least this far apart.
    pub min_interval_ms: u64,
    /// Smaller changes of a number do not count; in the signal's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_delta: Option<f64>,
}

/// A campaign in its newest version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "campaign_id": 1, "version": 2, "created_at": "2026-11-23T08:00:00.000000Z",
    "updated_at": "2026-11-23T08:10:00.000000Z", "assigned": 1400,
    "name": "Fleet basics", "purpose": "fleet-management",
    "groups": [{ "signals": ["Vehicle.Speed"], "lane": "live", "every_ms": 1000, "flush_every_ms": 1000 }]
}))]
pub struct Campaign {
    pub campaign_id: u64,
    /// Grows by one with every change of the document.
    pub version: u32,
    pub created_at: Time,
    pub updated_at: Time,
    /// Vehicles that it is assigned to.
    pub assigned: u64,
    pub name: String,
    pub purpose: PurposeSlug,
    pub groups: Vec<CampaignGroup>,
}

/// Which campaigns to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CampaignsQuery {
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// One page of campaigns, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "campaign_id": 1, "version": 2, "created_at": "2026-11-23T08:00:00.000000Z",
    "updated_at": "2026-11-23T08:10:00.000000Z", "assigned": 1400,
    "name": "Fleet basics", "purpose": "fleet-management",
    "groups": [{ "signals": ["Vehicle.Speed"], "lane": "live", "every_ms": 1000, "flush_every_ms": 1000 }]
}], "next_cursor": null }))]
pub struct CampaignPage {
    pub items: Vec<Campaign>,
    pub next_cursor: Option<String>,
}

/// Which vehicles a campaign goes to: those that match every list that is not empty. At least one list is
/// given; `{"brands": ["peugeot"], "models": ["208"]}` is every Peugeot 208.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "brands": ["peugeot", "opel"], "regions": ["eu"] }))]
pub struct Assignment {
    #[serde(default)]
    pub brands: Vec<BrandSlug>,
    #[serde(default)]
    pub regions: Vec<RegionName>,
    #[serde(default)]
    pub models: Vec<String>,
    #[serde(default)]
    #[schema(max_items = 10_000)]
    pub vehicle_ids: Vec<VehicleIdHex>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "matched": 1400, "assigned": 1388 }))]
pub struct Assigned {
    /// Vehicles that the selector matches.
    pub matched: u64,
    /// Of these, vehicles that did not have the campaign before.
    pub assigned: u64,
}

/// How far a campaign has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "campaign_id": 1, "version": 2, "assigned": 1400, "applied": 1390, "pending": 10, "failed": 0,
    "samples": 128000
}))]
pub struct CampaignStatus {
    pub campaign_id: u64,
    pub version: u32,
    /// Vehicles that it is assigned to.
    pub assigned: u64,
    /// Of these, those that report that they run what they shall.
    pub applied: u64,
    /// Of these, those that have not reported it yet.
    pub pending: u64,
    /// Of these, those that report an error.
    pub failed: u64,
    /// Samples that the campaign has brought since the platform started.
    pub samples: u64,
}
