//! What the routes of identity providers say.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Where people may sign in besides here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{ "id": "group", "name": "Group sign-in" }] }))]
pub(crate) struct IdentityProviders {
    pub items: Vec<IdentityProvider>,
}

/// An OpenID Connect provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IdentityProvider {
    #[schema(example = "group")]
    pub id: String,
    /// For people.
    #[schema(example = "Group sign-in")]
    pub name: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LoginQuery {
    /// A path of the console; its start page when absent.
    #[param(max_length = 256, example = "/vehicles")]
    pub return_to: Option<String>,
    /// Proves anew whose the browser's session is, instead of opening one.
    pub step_up: Option<bool>,
}

/// What a provider sends to end sessions.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "logout_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImxvZ291dCtqd3QifQ.e30.c2lnbmF0dXJl" }))]
pub(crate) struct LogoutToken {
    #[schema(min_length = 1, max_length = 8192, pattern = "^[A-Za-z0-9_.-]+$")]
    pub logout_token: String,
}

impl std::fmt::Debug for LogoutToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogoutToken(..)")
    }
}
