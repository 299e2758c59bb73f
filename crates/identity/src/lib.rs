//! Who may do what: principals, functions, actions, and the policies that decide.
//!
//! [`Policies::decide`] answers `(principal, action, resource, context)`. The policies are files in Cedar
//! (`policies/`), embedded, validated against one typed schema when they are loaded. Beside them stand
//! the pure parts of proving who somebody is.
//!
//! Invariants, as absences: `identity` never reads a clock, a socket, a file or the environment, draws
//! no randomness, and has no way to allow what no policy permits: an error while deciding denies.

mod action;
pub mod attempts;
mod brands;
pub mod clone_watch;
mod context;
mod decision;
mod entities;
mod function;
mod overview;
mod policies;
mod principal;
mod resource;
mod steady_clock;
pub mod totp;
pub mod transfer;
mod words;

pub use action::{Action, Trait};
pub use brands::Brands;
pub use context::{Condition, Context, Facts};
pub use decision::{Cell, Decision, DenyReason};
pub use function::{Function, Profile, Realm};
pub use policies::Policies;
pub use principal::{Assignment, Link, Links, Person, Principal, Service};
pub use resource::{BrandsThing, PersonThing, Resource, ResourceKind, VehiclePart, What};

/// A word that does not exist, a set that cannot be, or policies that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("unknown function; the functions are {}", Function::ALL.map(Function::slug).join(", "))]
    Function,
    #[error("unknown realm; the realms are {}", Realm::ALL.map(Realm::slug).join(", "))]
    Realm,
    #[error("unknown profile; the profiles are {}", Profile::ALL.map(Profile::slug).join(", "))]
    Profile,
    #[error("unknown kind of resource; the kinds are {}", ResourceKind::ALL.map(ResourceKind::slug).join(", "))]
    ResourceKind,
    #[error("unknown condition; the conditions are {}", Condition::ALL.map(Condition::slug).join(", "))]
    Condition,
    #[error("unknown action; docs/authorisation.md lists them")]
    Action,
    #[error("name one brand at least")]
    NoBrand,
    #[error("staff, partners and customers have accounts of their own: this one is of another realm")]
    MixedRealms,
    #[error("the schema of the policies cannot be read")]
    Schema(#[source] Box<cedar_policy::CedarSchemaError>),
    #[error("the policies of `{file}` cannot be read")]
    Syntax { file: String, source: Box<cedar_policy::ParseErrors> },
    #[error("`{file}` has a policy without an annotation @id; give it one that is unique")]
    Unnamed { file: String },
    #[error("`{file}` has a template; write its policies out")]
    Template { file: String },
    #[error("the policy `{policy}` stands there twice; rename one of them")]
    Twice { policy: String },
    #[error("the policy `{policy}` permits; policies of a deployment can only forbid")]
    Permits { policy: String },
    #[error("the policy `{policy}` names its principal by neither function nor type")]
    Principal { policy: String },
    #[error(
        "the policy `{policy}` has an unknown @{annotation}; @reason is scope, purpose, condition, step-up or disabled, @cell is tenant, linked or self"
    )]
    Annotation { policy: String, annotation: &'static str },
    #[error(
        "the policy `{policy}` forbids {function} the action `{action}`, which people have without a function; forbid it with `principal is Person`"
    )]
    Everybodys { policy: String, action: Action, function: Function },
    #[error("policies do not fit the schema: {}", complaints.join("; "))]
    Invalid { complaints: Vec<String> },
}

#[cfg(test)]
mod tests;
