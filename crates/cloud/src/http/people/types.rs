//! What the routes of people say.

use identity::Brands;
use model::Brand;
use serde::{Deserialize, Deserializer, Serialize};
use store::RoleRow;
use utoipa::{IntoParams, ToSchema};

use crate::{
    http::problem::Problem,
    people::Known,
    words::{BrandSlug, FunctionSlug, OrganisationIdHex, PersonIdHex, RealmSlug, Time},
};

/// Whom to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PeopleQuery {
    /// Only who has this function.
    #[param(inline)]
    pub function: Option<FunctionSlug>,
    /// Only whose name holds this text.
    #[param(max_length = 64)]
    pub q: Option<String>,
    /// Items of a page; 50 when absent.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// One page of people, by name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{
    "person_id": "6f1c6a02d4e84b7f8a3d5c6e7f809112", "username": "anna", "realm": "staff", "enabled": true,
    "address": "anna@example.org", "password_set": true, "second_factor": false,
    "identity_provider": null, "created_at": "2026-11-23T08:15:30.000000Z", "created_by": null, "created_for": null,
    "organisation_id": null,
    "roles": [{ "assignment_id": "0b9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "function": "support", "brands": ["opel"],
        "until": null, "created_at": "2026-11-23T08:15:30.000000Z", "created_by": null }]
}], "next_cursor": null }))]
pub(crate) struct PeoplePage {
    pub items: Vec<PersonAccount>,
    pub next_cursor: Option<String>,
}

/// An account of somebody who works here or for a partner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "person_id": "6f1c6a02d4e84b7f8a3d5c6e7f809112", "username": "anna", "realm": "staff", "enabled": true,
    "address": "anna@example.org", "password_set": true, "second_factor": false,
    "identity_provider": null, "created_at": "2026-11-23T08:15:30.000000Z", "created_by": null, "created_for": null,
    "organisation_id": null,
    "roles": [{ "assignment_id": "0b9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "function": "support", "brands": ["opel"],
        "until": null, "created_at": "2026-11-23T08:15:30.000000Z", "created_by": null }]
}))]
pub(crate) struct PersonAccount {
    pub person_id: PersonIdHex,
    pub username: String,
    pub realm: RealmSlug,
    /// Whether the person may sign in.
    pub enabled: bool,
    /// Where one-time links go.
    pub address: Option<String>,
    /// Whether there is a password; a credential reset voids it.
    pub password_set: bool,
    pub second_factor: bool,
    /// The provider that the account comes from, where its credentials are; null for an account of the platform's
    /// own.
    pub identity_provider: Option<String>,
    pub created_at: Time,
    /// Null of the first account, and of those that a provider's sign-in made.
    pub created_by: Option<PersonIdHex>,
    /// The brands that it was created for; null when none were named.
    pub created_for: Option<Vec<BrandSlug>>,
    /// The fleet or dealership that a partner belongs to.
    pub organisation_id: Option<OrganisationIdHex>,
    /// What the person was told to do in the caller's brands, the oldest first; not what is over.
    pub roles: Vec<Role>,
}

/// A function that a person has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "assignment_id": "0b9f5c6c3d1e4f2a8b7c6d5e4f3a2b1c", "function": "support", "brands": ["opel"],
    "until": null, "created_at": "2026-11-23T08:15:30.000000Z", "created_by": null
}))]
pub(crate) struct Role {
    pub assignment_id: String,
    pub function: String,
    pub brands: Vec<BrandSlug>,
    /// When it ends; null when it does not.
    pub until: Option<Time>,
    pub created_at: Time,
    pub created_by: Option<PersonIdHex>,
}

/// An account to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "username": "anna", "realm": "staff", "brands": ["opel", "vauxhall"], "address": "anna@example.org"
}))]
pub(crate) struct NewPerson {
    /// By which the person signs in.
    #[schema(max_length = 64, pattern = "^[a-z0-9][a-z0-9._@+-]*$")]
    pub username: String,
    /// `staff` or `partner`.
    pub realm: RealmSlug,
    /// What the account is for; all brands when absent.
    #[schema(min_items = 1)]
    pub brands: Option<Vec<BrandSlug>>,
    /// Where one-time links go.
    #[schema(max_length = 254)]
    pub address: Option<String>,
    /// The fleet or dealership that a partner belongs to.
    pub organisation_id: Option<OrganisationIdHex>,
}

/// What is to be another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "address": "anna@example.org" }))]
pub(crate) struct PersonChange {
    #[schema(max_length = 64, pattern = "^[a-z0-9][a-z0-9._@+-]*$")]
    pub username: Option<String>,
    #[schema(max_length = 254)]
    pub address: Option<String>,
    /// The fleet or dealership that a partner belongs to; null for none any more.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<OrganisationIdHex>)]
    pub organisation_id: Option<Option<OrganisationIdHex>>,
}

/// What is null is not what is absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(input: D) -> Result<Option<T>, D::Error> {
    T::deserialize(input).map(Some)
}

/// A function to give.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "function": "support", "brands": ["opel"], "until": "2027-01-01T00:00:00Z" }))]
pub(crate) struct NewRole {
    /// One of the account's realm.
    pub function: FunctionSlug,
    #[schema(min_items = 1)]
    pub brands: Vec<BrandSlug>,
    /// When it ends; never when absent.
    pub until: Option<Time>,
}

/// A new password, by a one-time link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "token": "mqr_Jv0n0Yw3q3m1m5j0y6jO2yqWm2Q1X0d3", "password": "five words that nobody else has"
}))]
pub(crate) struct NewCredential {
    #[schema(max_length = 128)]
    pub token: String,
    #[schema(min_length = 12, max_length = 1024)]
    pub password: String,
}

impl std::fmt::Debug for NewCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewCredential(..)")
    }
}

impl PersonAccount {
    /// As somebody sees it who may look at these brands.
    pub(crate) fn of(known: &Known, allowed: Brands) -> Self {
        let person = &known.person;
        let seen = |brands: &Vec<model::Brand>| {
            let seen = brands.iter().copied().filter(|brand| allowed.contains(*brand));
            seen.map(BrandSlug).collect()
        };
        Self {
            person_id: PersonIdHex(person.id),
            username: person.username.clone(),
            realm: RealmSlug(known.realm),
            enabled: person.enabled,
            address: person.address.as_ref().map(|address| address.text.clone()),
            password_set: person.password_hash.is_some(),
            second_factor: person.totp.is_some(),
            identity_provider: person.identity_provider.clone(),
            created_at: Time(person.created_at),
            created_by: person.created_by.map(PersonIdHex),
            created_for: person.brands.as_ref().map(seen),
            organisation_id: known.organisation.map(OrganisationIdHex),
            roles: known.roles.iter().filter_map(|role| Role::of(role, allowed)).collect(),
        }
    }
}

impl Role {
    /// Nothing when it is in none of the brands.
    pub(crate) fn of(role: &RoleRow, allowed: Brands) -> Option<Self> {
        let seen = role.brands.iter().copied().filter(|brand| allowed.contains(*brand));
        let brands: Vec<BrandSlug> = seen.map(BrandSlug).collect();
        (!brands.is_empty()).then(|| Self {
            assignment_id: role.id.clone(),
            function: role.function.clone(),
            brands,
            until: role.ends_at.map(Time),
            created_at: Time(role.created_at),
            created_by: role.created_by.map(PersonIdHex),
        })
    }
}

/// The brands that a body names, at least one.
pub(crate) fn brands_of(brands: &[BrandSlug]) -> Result<Brands, Problem> {
    if brands.len() > Brand::ALL.len() {
        return Err(Problem::at("brands", format!("there are {} brands; name each once", Brand::ALL.len())));
    }
    let named = Brands::new(brands.iter().map(|brand| brand.0));
    named.map_err(|error| Problem::at("brands", error.to_string()))
}
