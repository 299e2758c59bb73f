//! What the routes of one's own account say.

use serde::{Deserialize, Serialize};
use store::SessionRow;
use utoipa::ToSchema;

use crate::words::Time;

/// What is to be another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "address": "anna@example.org" }))]
pub(crate) struct AccountChange {
    /// By which one signs in.
    #[schema(max_length = 64, pattern = "^[a-z0-9][a-z0-9._@+-]*$")]
    pub username: Option<String>,
    /// Where notices and one-time links go.
    #[schema(max_length = 254)]
    pub address: Option<String>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "five words that nobody else has" }))]
pub(crate) struct NewPassword {
    #[schema(min_length = 12, max_length = 1024)]
    pub password: String,
}

impl std::fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewPassword(..)")
    }
}

/// A second factor (TOTP, RFC 6238) that is not the account's yet.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "enrolment": "Zm9yIHRoZSBuZXh0IHJlcXVlc3Q", "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "uri": "otpauth://totp/Marque:operator?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Marque",
    "expires_at": "2026-11-23T08:25:30.000000Z"
}))]
pub(crate) struct NewSecondFactor {
    /// For the confirmation.
    pub enrolment: String,
    /// For an app that reads no picture.
    pub secret: String,
    /// What the picture for authenticator apps holds.
    pub uri: String,
    pub expires_at: Time,
}

impl std::fmt::Debug for NewSecondFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewSecondFactor(..)")
    }
}

/// The first one-time password of a second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "enrolment": "Zm9yIHRoZSBuZXh0IHJlcXVlc3Q", "one_time_password": "492039" }))]
pub(crate) struct SecondFactorProof {
    #[schema(max_length = 512)]
    pub enrolment: String,
    #[schema(max_length = 16)]
    pub one_time_password: String,
}

impl std::fmt::Debug for SecondFactorProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecondFactorProof(..)")
    }
}

/// Open sessions, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "session_id": "0b9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "created_at": "2026-11-23T08:15:30.000000Z",
    "expires_at": "2026-11-23T20:15:30.000000Z", "address": "192.0.2.0/24", "current": true
}] }))]
pub(crate) struct OpenSessions {
    pub items: Vec<OpenSession>,
}

/// An open session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "session_id": "0b9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "created_at": "2026-11-23T08:15:30.000000Z",
    "expires_at": "2026-11-23T20:15:30.000000Z", "address": "192.0.2.0/24", "current": true
}))]
pub(crate) struct OpenSession {
    pub session_id: String,
    pub created_at: Time,
    pub expires_at: Time,
    /// The network that it was opened from.
    pub address: Option<String>,
    /// Whether this request was made in it.
    pub current: bool,
}

impl OpenSession {
    pub(crate) fn of(row: SessionRow, here: &str) -> Self {
        Self {
            current: row.id == here,
            session_id: row.id,
            created_at: Time(row.created_at),
            expires_at: Time(row.expires_at),
            address: row.address,
        }
    }
}
