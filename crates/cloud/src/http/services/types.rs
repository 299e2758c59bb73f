//! What the routes of services say.

use identity::Brands;
use serde::{Deserialize, Serialize};
use store::ServiceRow;
use utoipa::{IntoParams, ToSchema};

use crate::words::{BrandSlug, PersonIdHex, ProfileSlug, ServiceIdHex, Time};

/// Which services to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ServicesQuery {
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// One page of services.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "service_id": "2a7d6a02d4e84b7f8a3d5c6e7f80ab01", "name": "plant-eisenach", "brands": ["opel"],
    "profiles": ["factory"], "enabled": true, "created_at": "2026-11-23T08:15:30.000000Z",
    "created_by": "6f1c6a02d4e84b7f8a3d5c6e7f809112", "last_seen_at": null
}], "next_cursor": null }))]
pub(crate) struct ServicePage {
    pub items: Vec<Service>,
    pub next_cursor: Option<String>,
}

/// A machine of ours.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Service {
    pub service_id: ServiceIdHex,
    pub name: String,
    /// Of the caller's brands those that it is for.
    pub brands: Vec<BrandSlug>,
    pub profiles: Vec<String>,
    /// Whether its tokens count.
    pub enabled: bool,
    pub created_at: Time,
    /// Null of those that the platform itself made.
    pub created_by: Option<PersonIdHex>,
    /// To the minute; null when it never was.
    pub last_seen_at: Option<Time>,
}

/// A service to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "plant-eisenach", "brands": ["opel"], "profiles": ["factory"] }))]
pub(crate) struct NewService {
    #[schema(max_length = 64, pattern = "^[a-z][a-z0-9-]*$")]
    pub name: String,
    #[schema(min_items = 1)]
    pub brands: Vec<BrandSlug>,
    /// What it is for. `simulation` only the platform itself gives.
    #[schema(min_items = 1)]
    pub profiles: Vec<ProfileSlug>,
}

/// A service that was just registered, with its first token.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "token": "mqs_Jv0n0Yw3q3m1m5j0y6jO2yqWm2Q1X0d3", "expires_at": "2026-11-24T08:15:30.000000Z",
    "service": {
        "service_id": "2a7d6a02d4e84b7f8a3d5c6e7f80ab01", "name": "plant-eisenach", "brands": ["opel"],
        "profiles": ["factory"], "enabled": true, "created_at": "2026-11-23T08:15:30.000000Z",
        "created_by": "6f1c6a02d4e84b7f8a3d5c6e7f809112", "last_seen_at": null
    }
}))]
pub(crate) struct RegisteredService {
    /// Shown once.
    pub token: String,
    /// When the token ends.
    pub expires_at: Time,
    pub service: Service,
}

/// A new token.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "token": "mqs_Jv0n0Yw3q3m1m5j0y6jO2yqWm2Q1X0d3", "expires_at": "2026-11-24T08:15:30.000000Z"
}))]
pub(crate) struct NewServiceToken {
    /// Shown once.
    pub token: String,
    pub expires_at: Time,
}

impl std::fmt::Debug for RegisteredService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisteredService").field("service", &self.service).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NewServiceToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewServiceToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Service {
    /// As somebody sees it who may look at these brands.
    pub(crate) fn of(row: ServiceRow, allowed: Brands) -> Self {
        let seen = row.brands.into_iter().filter(|brand| allowed.contains(*brand));
        Self {
            service_id: ServiceIdHex(row.id),
            name: row.name,
            brands: seen.map(BrandSlug).collect(),
            profiles: row.profiles,
            enabled: row.enabled,
            created_at: Time(row.created_at),
            created_by: row.created_by.map(PersonIdHex),
            last_seen_at: row.last_seen_at.map(Time),
        }
    }
}
