//! What the health routes say.

use serde::Serialize;
use utoipa::ToSchema;

/// Whether the platform can serve.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "ready": true, "checks": [{ "name": "sql", "ok": true, "detail": null }] }))]
pub(crate) struct Readiness {
    pub ready: bool,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Check {
    /// The part that was asked: `sql`, `log`, `gateway`.
    pub name: String,
    pub ok: bool,
    /// Why not; null when it is.
    pub detail: Option<String>,
}
