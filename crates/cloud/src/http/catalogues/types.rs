//! What the catalogue routes say.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::signals::types::scalar,
    words::{CatalogueHashHex, CategorySlug, Time},
};

/// Which catalogues to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CataloguesQuery {
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "hash": "5d0f3c9a7be21846", "leaf_count": 412, "created_at": "2026-11-23T08:00:00.000000Z"
}], "next_cursor": null }))]
pub(crate) struct CataloguePage {
    pub items: Vec<CatalogueItem>,
    pub next_cursor: Option<String>,
}

/// A catalogue in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "hash": "5d0f3c9a7be21846", "leaf_count": 412, "created_at": "2026-11-23T08:00:00.000000Z"
}))]
pub(crate) struct CatalogueItem {
    pub hash: CatalogueHashHex,
    pub leaf_count: u32,
    pub created_at: Time,
}

/// A catalogue with all its leaves, in the order of their paths.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "hash": "5d0f3c9a7be21846", "leaves": [{
    "signal_id": 12, "path": "Vehicle.Speed", "kind": "sensor", "data_type": "float", "unit": "km/h",
    "min": 0.0, "max": 450.0, "allowed": [], "category": "driving", "scale": 3,
    "description": "How fast the vehicle goes over ground."
}] }))]
pub(crate) struct CatalogueDocument {
    pub hash: CatalogueHashHex,
    pub leaves: Vec<LeafItem>,
}

/// A leaf of the signal tree.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeafItem {
    pub signal_id: u32,
    pub path: String,
    pub kind: LeafKindSlug,
    /// VSS's name of the data type.
    pub data_type: String,
    pub unit: Option<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Empty when every value of the type is allowed.
    #[schema(schema_with = values)]
    pub allowed: Vec<Value>,
    pub category: CategorySlug,
    /// Digits after the decimal point.
    pub scale: u8,
    pub description: String,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LeafKindSlug {
    Sensor,
    Actuator,
    Attribute,
}

fn values() -> utoipa::openapi::schema::Array {
    utoipa::openapi::schema::ArrayBuilder::new().items(scalar()).build()
}
