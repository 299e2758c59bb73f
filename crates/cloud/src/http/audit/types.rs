//! What the audit routes say.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::words::{BrandSlug, PurposeSlug, RegionName, Time, VehicleIdHex};

/// Which entries to find; all that is given must match.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Entries of this time or later.
    #[param(inline)]
    pub from: Option<Time>,
    /// Entries before this time.
    #[param(inline)]
    pub to: Option<Time>,
    /// Who acted, such as `operator`; found for as long as the opening is kept.
    pub actor: Option<String>,
    /// What was done, such as `vehicle.history.read`.
    pub action: Option<String>,
    /// What it was done to; found for as long as the opening is kept.
    #[param(inline)]
    pub vehicle_id: Option<VehicleIdHex>,
    /// Whose data it was.
    #[param(inline)]
    pub brand: Option<BrandSlug>,
    /// How it ended.
    #[param(inline)]
    pub outcome: Option<OutcomeSlug>,
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Which page of a car's entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CarAuditQuery {
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutcomeSlug {
    /// It was allowed; with the reason `begun`, it was about to be done.
    Allowed,
    /// It was forbidden.
    Denied,
    /// It was allowed, but not done.
    Failed,
}

/// One page of the audit log's entries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{
        "index": 41, "at": "2026-11-23T08:15:30.000000Z",
        "actor": { "kind": "operator", "id": {
            "value": "operator", "salt": "00112233445566778899aabbccddeeff",
            "commitment": "5c9b2a3e4f5d6c7b8a990011223344556677889900aabbccddeeff0011223344" } },
        "action": "vehicle.history.read",
        "resource": { "kind": "vehicle", "id": {
            "value": null, "salt": null,
            "commitment": "aa00112233445566778899aabbccddeeff00112233445566778899aabbccddee" } },
        "region": "eu", "brand": "peugeot", "purpose": "fleet-management",
        "outcome": "allowed", "reason": null, "request_id": "5b0c52b4c1d94f03", "address": null,
        "proof": "/v1/audit/entries/41/proof"
    }],
    "next_cursor": null
}))]
pub(crate) struct AuditPage {
    pub items: Vec<AuditItem>,
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

/// An entry of the audit log, with what opens it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditItem {
    /// Its place in the log, from 0.
    pub index: u64,
    /// When the platform decided.
    pub at: Time,
    /// Who acted.
    pub actor: Party,
    /// What was done, such as `vehicle.history.read`.
    pub action: String,
    /// What it was done to.
    pub resource: Party,
    pub region: RegionName,
    /// Null when it was no one brand's.
    pub brand: Option<BrandSlug>,
    /// What the data was read for; null for acts of administration.
    pub purpose: Option<PurposeSlug>,
    pub outcome: OutcomeSlug,
    /// Why it was denied or failed; `begun` and `ended` of acts and streams; null otherwise.
    pub reason: Option<String>,
    /// The server's log has it as `request_id`.
    pub request_id: Option<String>,
    /// The network that it came from.
    pub address: Option<Disclosed>,
    /// Where its proof is.
    pub proof: String,
}

/// Somebody or something in an entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Party {
    /// Such as `operator` or `vehicle`.
    pub kind: String,
    pub id: Disclosed,
}

/// An id in an entry: as a text, or as a commitment with what opens it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Disclosed {
    /// Null when its opening was deleted.
    pub value: Option<String>,
    /// In hexadecimal; null when there is nothing to open, or its opening was deleted.
    pub salt: Option<String>,
    /// SHA-256 of salt, length of the label, label and value, in hexadecimal; null of a plain text.
    pub commitment: Option<String>,
}
