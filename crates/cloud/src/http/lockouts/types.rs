//! What the routes of lock-outs say.

use serde::Serialize;
use utoipa::ToSchema;

use crate::words::Time;

/// Names and addresses that are locked out now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "lockout_id": "c6336407", "kind": "address", "address": "198.51.100.7",
    "until": "2026-11-23T08:15:30.000000Z"
}] }))]
pub(crate) struct Lockouts {
    pub items: Vec<Lockout>,
}

/// A name or an address that guessed too often.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lockout {
    pub lockout_id: String,
    pub kind: LockoutKind,
    /// The IPv4 address, or the network of an IPv6 address; null of a name.
    pub address: Option<String>,
    pub until: Time,
}

/// What is locked out.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LockoutKind {
    /// A name that somebody signs in with.
    Name,
    Address,
}
