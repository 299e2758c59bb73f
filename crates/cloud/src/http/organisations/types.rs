//! What the routes of organisations say.

use serde::{Deserialize, Serialize};
use store::OrganisationRow;
use utoipa::{IntoParams, ToSchema};

use crate::words::{BrandSlug, OrganisationIdHex, OrganisationKindSlug, Time};

/// Which to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrganisationsQuery {
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A fleet or a dealership to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "kind": "dealership", "name": "Garage Dupont", "brands": ["peugeot", "citroen"] }))]
pub(crate) struct NewOrganisation {
    pub kind: OrganisationKindSlug,
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    #[schema(min_items = 1, max_items = 14)]
    pub brands: Vec<BrandSlug>,
}

/// One page of organisations.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "organisation_id": "1b0f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "kind": "dealership", "name": "Garage Dupont",
    "brands": ["peugeot", "citroen"], "enabled": true, "created_at": "2026-11-23T08:15:30.000000Z"
}], "next_cursor": null }))]
pub(crate) struct OrganisationPage {
    pub items: Vec<Organisation>,
    pub next_cursor: Option<String>,
}

/// A fleet or a dealership.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "organisation_id": "1b0f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "kind": "dealership", "name": "Garage Dupont",
    "brands": ["peugeot", "citroen"], "enabled": true, "created_at": "2026-11-23T08:15:30.000000Z"
}))]
pub(crate) struct Organisation {
    pub organisation_id: OrganisationIdHex,
    #[schema(example = "dealership")]
    pub kind: String,
    pub name: String,
    pub brands: Vec<BrandSlug>,
    pub enabled: bool,
    pub created_at: Time,
}

impl Organisation {
    pub(crate) fn of(row: OrganisationRow) -> Self {
        Self {
            organisation_id: OrganisationIdHex(row.id),
            kind: row.kind,
            name: row.name,
            brands: row.brands.into_iter().map(BrandSlug).collect(),
            enabled: row.enabled,
            created_at: Time(row.created_at),
        }
    }
}

/// One page of dealerships.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "dealership_id": "1b0f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "name": "Garage Dupont", "brands": ["peugeot"]
}], "next_cursor": null }))]
pub(crate) struct DealershipPage {
    pub items: Vec<Dealership>,
    pub next_cursor: Option<String>,
}

/// A dealership that may be given access to a car.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dealership {
    pub dealership_id: OrganisationIdHex,
    pub name: String,
    pub brands: Vec<BrandSlug>,
}

impl Dealership {
    pub(crate) fn of(row: OrganisationRow) -> Self {
        Self {
            dealership_id: OrganisationIdHex(row.id),
            name: row.name,
            brands: row.brands.into_iter().map(BrandSlug).collect(),
        }
    }
}

/// The fleet that a car goes into.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "fleet_id": "1b0f5c6c3d1e4f2a8b7c6d5e4f3a2b1c" }))]
pub(crate) struct FleetChoice {
    pub fleet_id: OrganisationIdHex,
}
