//! What the campaign routes say.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    documents::CampaignGroup,
    words::{BrandSlug, PurposeSlug, RegionName, Time, VehicleIdHex},
};

/// Brands and regions in one request; there are not as many.
pub(crate) const WORDS_MAX: usize = 64;
/// Models in one request; the group has some hundred.
pub(crate) const MODELS_MAX: usize = 1_000;
/// Ids in one request; a longer list is a brand, a region or a model.
pub const VEHICLE_IDS_MAX: usize = 10_000;

/// A campaign in its newest version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "campaign_id": 1, "version": 2, "created_at": "2026-11-23T08:00:00.000000Z",
    "updated_at": "2026-11-23T08:10:00.000000Z", "assigned": 1400, "ended_at": null,
    "name": "Fleet basics", "purpose": "fleet-management", "brands": ["peugeot", "opel"],
    "groups": [{ "signals": ["Vehicle.Speed"], "lane": "live", "every_ms": 1000, "flush_every_ms": 1000 }],
    "samples_per_minute_max": null
}))]
pub(crate) struct Campaign {
    pub campaign_id: u64,
    /// Grows by one with every change of the document.
    pub version: u32,
    pub created_at: Time,
    pub updated_at: Time,
    /// Vehicles that it is assigned to; of your brands.
    pub assigned: u64,
    /// Since when no car collects for it; null while it runs.
    pub ended_at: Option<Time>,
    pub name: String,
    pub purpose: PurposeSlug,
    /// Whose cars may have it.
    pub brands: Vec<BrandSlug>,
    pub groups: Vec<CampaignGroup>,
    /// Samples of a car above it are dropped until the next minute; null for no limit.
    pub samples_per_minute_max: Option<u32>,
}

/// Which campaigns to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CampaignsQuery {
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A campaign in a list; `GET /v1/campaigns/{campaign_id}` has all of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CampaignItem {
    pub campaign_id: u64,
    pub version: u32,
    pub created_at: Time,
    pub updated_at: Time,
    /// Vehicles that it is assigned to; of your brands.
    pub assigned: u64,
    /// Since when no car collects for it; null while it runs.
    pub ended_at: Option<Time>,
    pub name: String,
    pub purpose: PurposeSlug,
    /// Whose cars may have it.
    pub brands: Vec<BrandSlug>,
    /// How many signals it collects.
    pub signals: u32,
}

/// One page of campaigns, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "campaign_id": 1, "version": 2, "created_at": "2026-11-23T08:00:00.000000Z",
    "updated_at": "2026-11-23T08:10:00.000000Z", "assigned": 1400, "ended_at": null,
    "name": "Fleet basics", "purpose": "fleet-management", "brands": ["peugeot", "opel"], "signals": 43
}], "next_cursor": null }))]
pub(crate) struct CampaignPage {
    pub items: Vec<CampaignItem>,
    pub next_cursor: Option<String>,
}

/// Which vehicles a campaign goes to, or is taken from: those that match every list that is not empty. At least one list is
/// given, and all are of the campaign's brands; `{"brands": ["peugeot"], "models": ["208"]}` is every Peugeot 208.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "brands": ["peugeot", "opel"], "regions": ["eu"] }))]
pub(crate) struct VehicleChoice {
    #[serde(default)]
    #[schema(max_items = 64)]
    pub brands: Vec<BrandSlug>,
    #[serde(default)]
    #[schema(max_items = 64)]
    pub regions: Vec<RegionName>,
    #[serde(default)]
    #[schema(max_items = 1_000)]
    pub models: Vec<String>,
    #[serde(default)]
    #[schema(max_items = 10_000)]
    pub vehicle_ids: Vec<VehicleIdHex>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "matched": 1400, "assigned": 1388, "unknown_models": [], "unknown_vehicle_ids": []
}))]
pub(crate) struct Assigned {
    /// Vehicles that the selector matches.
    pub matched: u64,
    /// Of these, vehicles that did not have the campaign before.
    pub assigned: u64,
    /// Models of the request that no vehicle is of.
    pub unknown_models: Vec<String>,
    /// Ids of the request that no vehicle of the campaign's brands has.
    pub unknown_vehicle_ids: Vec<VehicleIdHex>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "matched": 1400, "unassigned": 1388, "unknown_models": [], "unknown_vehicle_ids": []
}))]
pub(crate) struct Unassigned {
    /// Vehicles that the selector matches.
    pub matched: u64,
    /// Of these, vehicles that had the campaign until now.
    pub unassigned: u64,
    /// Models of the request that no vehicle is of.
    pub unknown_models: Vec<String>,
    /// Ids of the request that no vehicle of the campaign's brands has.
    pub unknown_vehicle_ids: Vec<VehicleIdHex>,
}

/// How far a campaign has come in one's brands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "campaign_id": 1, "version": 2, "assigned": 1400, "applied": 1390, "pending": 10, "failed": 0,
    "samples": 128000
}))]
pub(crate) struct CampaignStatus {
    pub campaign_id: u64,
    pub version: u32,
    /// Vehicles that it is assigned to; of your brands.
    pub assigned: u64,
    /// Of these, those that report that they run what they shall.
    pub applied: u64,
    /// Of these, those that have not reported it yet.
    pub pending: u64,
    /// Of these, those that report an error.
    pub failed: u64,
    /// Samples that the platform has taken for the campaign from cars of your brands, of all its versions, over
    /// restarts.
    pub samples: u64,
}
