//! The decision.

use std::{fmt, str::FromStr};

use model::{DataCategory, Purpose};

use crate::{Error, Grants, Jurisdiction};

/// What whoever drives now has chosen on the car's own screen. It always wins over grants, and it
/// is never set from the cloud.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DriverMode {
    /// Nothing leaves the car.
    AllPrivate,
    /// Location does not leave the car, whatever was granted.
    NoLocation,
    /// The grants decide alone.
    #[default]
    Open,
}

impl DriverMode {
    pub const ALL: [Self; 3] = [Self::AllPrivate, Self::NoLocation, Self::Open];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::AllPrivate => "all-private",
            Self::NoLocation => "no-location",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for DriverMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for DriverMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|mode| mode.slug() == text).ok_or(Error::DriverMode)
    }
}

/// Whether data of a category may be used for a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Allow,
    Deny(DenyReason),
}

impl Decision {
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::Allow)
    }
}

/// Why not; the strongest reason that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// The driver keeps everything private.
    AllPrivate,
    /// The driver keeps the location private.
    LocationPrivate,
    /// Location is off until someone turns it on.
    LocationOff,
    /// The jurisdiction wants this processed in the car, and nobody granted otherwise.
    StaysInTheCar,
    /// Nobody granted it, or the grant was withdrawn.
    NoGrant,
}

impl DenyReason {
    pub const fn slug(self) -> &'static str {
        match self {
            Self::AllPrivate => "all-private",
            Self::LocationPrivate => "location-private",
            Self::LocationOff => "location-off",
            Self::StaysInTheCar => "stays-in-the-car",
            Self::NoGrant => "no-grant",
        }
    }
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

/// Decides whether data of `category` may be used for `purpose`. A handful of instructions.
///
/// The platform passes [`DriverMode::Open`] when it reads what it already has: the driver's mode
/// acted before anything left the car.
pub fn decide(
    grants: &Grants,
    jurisdiction: Jurisdiction,
    mode: DriverMode,
    purpose: Purpose,
    category: DataCategory,
) -> Decision {
    match mode {
        DriverMode::AllPrivate => return Decision::Deny(DenyReason::AllPrivate),
        DriverMode::NoLocation if category == DataCategory::Location => {
            return Decision::Deny(DenyReason::LocationPrivate);
        }
        DriverMode::NoLocation | DriverMode::Open => {}
    }
    if grants.has(purpose, category) {
        Decision::Allow
    } else {
        Decision::Deny(jurisdiction.without_grant(category))
    }
}

/// All that a car's decisions depend on, kept together so that new grants cannot lose the mode.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Consent {
    pub grants: Grants,
    pub jurisdiction: Jurisdiction,
    pub mode: DriverMode,
}

impl Consent {
    pub fn decide(&self, purpose: Purpose, category: DataCategory) -> Decision {
        decide(&self.grants, self.jurisdiction, self.mode, purpose, category)
    }
}
