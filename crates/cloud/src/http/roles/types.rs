//! What the table of functions says.

use serde::Serialize;
use utoipa::ToSchema;

use crate::words::{FunctionSlug, PurposeSlug, RealmSlug};

/// Which function may do what.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "functions": [{ "function": "support", "realm": "staff", "purposes": ["operation"],
        "rights": [{ "action": "vehicle.read", "reach": "tenant", "step_up": false }] }],
    "actions": [{ "action": "vehicle.read", "meaning": "Read a car.", "resource": "vehicle",
        "personal_data": true, "privileged": false, "purpose_required": true }]
}))]
pub(crate) struct Roles {
    pub functions: Vec<FunctionRights>,
    pub actions: Vec<ActionMeaning>,
}

/// What a function may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FunctionRights {
    pub function: FunctionSlug,
    /// Accounts of this realm may have it.
    pub realm: RealmSlug,
    /// What it may ask for data for.
    pub purposes: Vec<PurposeSlug>,
    pub rights: Vec<Right>,
}

/// An action that a function has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Right {
    pub action: String,
    pub reach: Reach,
    /// Whether it asks for a fresh proof of who one is.
    pub step_up: bool,
}

/// What a right reaches: what is one's own, the cars that one is linked to, or all of the brands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reach {
    #[serde(rename = "self")]
    Own,
    Linked,
    Tenant,
}

/// What an action is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionMeaning {
    pub action: String,
    pub meaning: String,
    /// What it is asked about.
    pub resource: String,
    /// Whether it gives out or changes data of a person.
    pub personal_data: bool,
    /// Whether the audit keeps it, allowed or denied.
    pub privileged: bool,
    /// Whether a request names what data is for.
    pub purpose_required: bool,
}
