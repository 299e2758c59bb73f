//! What the fleet routes say.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::words::{BrandSlug, PurposeSlug, RegionName, Time, VehicleIdHex};

/// What the fleet can be sliced by.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "brands": [{ "slug": "peugeot", "name": "Peugeot" }],
    "regions": ["eu"],
    "architectures": ["psa-aee2010"],
    "models": [{ "brand": "peugeot", "model": "208", "architecture": "psa-aee2010" }]
}))]
pub(crate) struct Facets {
    /// All brands of the group, with and without vehicles.
    pub brands: Vec<BrandFacet>,
    /// Regions with vehicles.
    pub regions: Vec<RegionName>,
    /// Architectures with vehicles.
    pub architectures: Vec<String>,
    /// Models with vehicles.
    pub models: Vec<ModelFacet>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BrandFacet {
    pub slug: BrandSlug,
    pub name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelFacet {
    pub brand: BrandSlug,
    pub model: String,
    pub architecture: String,
}

/// What a vehicle does, as far as the caller may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VehicleState {
    Moving,
    Parked,
    Charging,
    /// Not connected now.
    Offline,
    /// Connected, but what it does is withheld or not known yet.
    Unknown,
}

/// The fleet in counts. No count names a car.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "vehicles": 1400, "connected": 1396,
    "by_brand": [{ "brand": "peugeot", "vehicles": 100, "connected": 99 }],
    "by_region": [{ "region": "eu", "vehicles": 1400, "connected": 1396 }],
    "by_architecture": [{ "architecture": "psa-aee2010", "vehicles": 300, "connected": 299 }],
    "by_state": { "moving": 700, "parked": 500, "charging": 150, "offline": 4, "unknown": 46 },
    "samples_per_s": 28000.0, "acks_per_s": 1500.0,
    "at": "2026-11-23T08:15:30.250000Z"
}))]
pub(crate) struct FleetSummary {
    pub vehicles: u64,
    pub connected: u64,
    pub by_brand: Vec<BrandCount>,
    pub by_region: Vec<RegionCount>,
    pub by_architecture: Vec<ArchitectureCount>,
    pub by_state: StateCounts,
    /// Samples acknowledged a second, over the last seconds. Counted of all brands together, so null for who sees
    /// only some.
    pub samples_per_s: Option<f64>,
    /// Batches acknowledged a second, over the last seconds; null likewise.
    pub acks_per_s: Option<f64>,
    pub at: Time,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct BrandCount {
    pub brand: BrandSlug,
    pub vehicles: u64,
    pub connected: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct RegionCount {
    pub region: RegionName,
    pub vehicles: u64,
    pub connected: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ArchitectureCount {
    pub architecture: String,
    pub vehicles: u64,
    pub connected: u64,
}

/// How many vehicles are in each state; adds up to all vehicles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StateCounts {
    pub moving: u64,
    pub parked: u64,
    pub charging: u64,
    pub offline: u64,
    pub unknown: u64,
}

/// Which positions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PositionsQuery {
    #[param(inline)]
    pub brand: Option<BrandSlug>,
    #[param(inline)]
    pub region: Option<RegionName>,
    /// What the positions are used for; `fleet-management` when absent.
    #[param(inline)]
    #[expect(dead_code, reason = "the gate reads it; here it is a name that is known")]
    pub purpose: Option<PurposeSlug>,
}

/// What the answer is used for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PurposeQuery {
    /// What the data is used for; `fleet-management` when absent.
    #[param(inline)]
    #[expect(dead_code, reason = "the gate reads it; here it is a name that is known")]
    pub purpose: Option<PurposeSlug>,
}

/// The latest positions of the cars whose owners have granted location for the purpose.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "brand": "peugeot", "model": "208",
    "latitude": 48.8566, "longitude": 2.3522, "heading": 92.5, "speed": 47.3,
    "state": "moving", "at": "2026-11-23T08:15:30.250000Z"
}], "complete": true }))]
pub(crate) struct Positions {
    pub items: Vec<Position>,
    /// Whether these are all positions; what was known besides them does not hold any more.
    pub complete: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Position {
    pub vehicle_id: VehicleIdHex,
    pub brand: BrandSlug,
    pub model: String,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Degrees clockwise from north; absent when the car does not say.
    pub heading: Option<f64>,
    /// Kilometres an hour; absent when withheld or not said.
    pub speed: Option<f64>,
    pub state: VehicleState,
    /// When the car measured it.
    pub at: Time,
}

/// `data` of the stream's event `connectivity`: cars that came or went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "vehicle_id": "9f1c6a02d4e84b7f8a3d5c6e7f809112", "connected": true,
    "at": "2026-11-23T08:15:30.250000Z"
}] }))]
pub(crate) struct ConnectivityChanges {
    pub items: Vec<ConnectivityChange>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ConnectivityChange {
    pub vehicle_id: VehicleIdHex,
    pub connected: bool,
    pub at: Time,
}
