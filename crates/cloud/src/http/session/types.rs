//! What the session routes say.

use identity::{Function, Policies};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    accounts::{self, PROVEN, Proof},
    words::{BrandSlug, PurposeSlug, Time},
};

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "username": "operator", "password": "correct-horse-battery" }))]
pub(crate) struct Credentials {
    #[schema(max_length = 128)]
    pub username: String,
    #[schema(max_length = 1024)]
    pub password: String,
    /// What the authenticator app shows, when the account has a second factor.
    #[schema(max_length = 16)]
    pub one_time_password: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Credentials {
    pub(crate) fn proof(&self) -> Proof<'_> {
        Proof { password: &self.password, one_time_password: self.one_time_password.as_deref() }
    }
}

/// What proves again who one is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct-horse-battery", "one_time_password": "492039" }))]
pub(crate) struct StepUp {
    #[schema(max_length = 1024)]
    pub password: String,
    /// What the authenticator app shows, when the account has a second factor.
    #[schema(max_length = 16)]
    pub one_time_password: Option<String>,
}

impl std::fmt::Debug for StepUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StepUp(..)")
    }
}

impl StepUp {
    pub(crate) fn proof(&self) -> Proof<'_> {
        Proof { password: &self.password, one_time_password: self.one_time_password.as_deref() }
    }
}

/// A new session. The token is shown once; the cookie that comes with it says the same.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "token": "mq_Jv0n0Yw3q3m1m5j0y6jO2yqWm2Q1X0d3",
    "session_id": "0b9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c",
    "expires_at": "2026-11-23T20:15:30.000000Z",
    "proven_until": "2026-11-23T08:25:30.000000Z",
    "account": { "person_id": "6f1c6a02d4e84b7f8a3d5c6e7f809112", "username": "operator", "address": null, "second_factor": false,
        "identity_provider": null },
    "functions": [{ "function": "operations", "brands": ["peugeot", "opel"], "until": null }],
    "purposes": ["operation", "fleet-management", "maintenance", "product-improvement", "safety"]
}))]
pub(crate) struct NewSession {
    #[schema(example = "mq_Jv0n0Yw3q3m1m5j0y6jO2yqWm2Q1X0d3")]
    pub token: String,
    #[serde(flatten)]
    pub session: Session,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("session", &self.session).finish_non_exhaustive()
    }
}

/// A session: whose it is, and what they may do in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "session_id": "0b9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c",
    "expires_at": "2026-11-23T20:15:30.000000Z",
    "proven_until": "2026-11-23T08:25:30.000000Z",
    "account": { "person_id": "6f1c6a02d4e84b7f8a3d5c6e7f809112", "username": "operator", "address": null, "second_factor": false,
        "identity_provider": null },
    "functions": [{ "function": "operations", "brands": ["peugeot", "opel"], "until": null }],
    "purposes": ["operation", "fleet-management", "maintenance", "product-improvement", "safety"]
}))]
pub(crate) struct Session {
    pub session_id: String,
    pub expires_at: Time,
    /// Until when what is dangerous may be done without another proof.
    pub proven_until: Time,
    pub account: Account,
    pub functions: Vec<HeldFunction>,
    /// What data may be asked for, under one function or another.
    pub purposes: Vec<PurposeSlug>,
}

/// A person who may sign in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "person_id": "6f1c6a02d4e84b7f8a3d5c6e7f809112", "username": "operator", "address": null, "second_factor": false,
    "identity_provider": null
}))]
pub(crate) struct Account {
    pub person_id: String,
    pub username: String,
    /// Where notices and one-time links go.
    pub address: Option<String>,
    /// Whether signing in takes a one-time password too.
    pub second_factor: bool,
    /// The provider that the account comes from, where password and second factor are; null for an account of the
    /// platform's own.
    pub identity_provider: Option<String>,
}

impl Account {
    pub(crate) fn of(session: &accounts::Session) -> Self {
        Self {
            person_id: session.person.id.to_string(),
            username: session.username.clone(),
            address: session.address.clone(),
            second_factor: session.has_second_factor,
            identity_provider: session.identity_provider.clone(),
        }
    }
}

/// A function that a person has now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldFunction {
    #[schema(example = "operations")]
    pub function: String,
    pub brands: Vec<BrandSlug>,
    pub until: Option<Time>,
}

impl Session {
    pub(crate) fn of(session: &accounts::Session, policies: &Policies, now: Timestamp) -> Self {
        let held: Vec<_> =
            session.person.assignments.iter().filter(|assignment| assignment.holds_at(now)).collect();
        let functions: Vec<Function> = held.iter().map(|assignment| assignment.function).collect();
        let may_name = |purpose: &model::Purpose| {
            functions.iter().any(|function| policies.purposes(*function).contains(purpose))
        };
        Self {
            session_id: session.id.clone(),
            expires_at: Time(session.expires_at),
            proven_until: Time(session.proven_at + PROVEN),
            account: Account::of(session),
            functions: held
                .into_iter()
                .map(|assignment| HeldFunction {
                    function: assignment.function.slug().to_owned(),
                    brands: assignment.brands.iter().map(BrandSlug).collect(),
                    until: assignment.until.map(Time),
                })
                .collect(),
            purposes: model::Purpose::ALL.into_iter().filter(may_name).map(PurposeSlug).collect(),
        }
    }
}
