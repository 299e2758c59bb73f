//! What the session routes say.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::Time;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "username": "operator", "password": "correct-horse-battery" }))]
pub(crate) struct Credentials {
    #[schema(max_length = 128)]
    pub username: String,
    #[schema(max_length = 1024)]
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A new session. The token is shown once; the cookie that comes with it says the same.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "token": "mq_Jv0n0Yw3q3m1m5j0y6jO2yqWm2Q1X0d3cF0rJ8r2k1U",
    "expires_at": "2026-11-23T20:15:30.000000Z",
    "account": { "username": "operator" }
}))]
pub(crate) struct NewSession {
    pub token: String,
    pub expires_at: Time,
    pub account: Account,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("account", &self.account).finish_non_exhaustive()
    }
}

/// The session that the request was made in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "expires_at": "2026-11-23T20:15:30.000000Z",
    "account": { "username": "operator" }
}))]
pub(crate) struct Session {
    pub expires_at: Time,
    pub account: Account,
}

/// A person who may sign in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Account {
    pub username: String,
}
