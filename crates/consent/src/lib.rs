//! Consent: grants of purposes and categories, and the one decision function that both sides call.
//!
//! The car asks before a sample enters a batch; the platform asks at every exit. Both ask [`decide`].
//!
//! Invariants, as absences: `consent` never reads a clock, keeps no state between two decisions, and
//! has no way to allow location without an explicit grant.

mod decision;
mod grants;
mod place;

pub use decision::{Consent, Decision, DenyReason, DriverMode, decide};
pub use grants::{Grant, Grants};
pub use model::Purpose;
pub use place::Jurisdiction;

/// A text or code that does not name what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("unknown jurisdiction; the jurisdictions are {}", Jurisdiction::ALL.map(Jurisdiction::slug).join(", "))]
    Jurisdiction,
    #[error("unknown driver mode; the modes are {}", DriverMode::ALL.map(DriverMode::slug).join(", "))]
    DriverMode,
}

#[cfg(test)]
mod tests;
