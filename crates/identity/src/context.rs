//! What else a decision depends on.

use model::{Purpose, Region, Timestamp};

use crate::words::words;

words! {
    /// What must hold for some actions besides the function and its scope. Whoever asks finds it out.
    Condition, 14, Condition:
    /// The person is somebody else.
    NotSelf "not_self",
    /// The person's address was not changed in the last 7 days, by whomever.
    AddressSettled "address_settled",
    /// Somebody else created the account or put it into its organisation, or a provider's sign-in made it, or the
    /// region has never had a second administrator.
    NotCreator "not_creator",
    /// The same request registers the car for the first time.
    NewCar "new_car",
    /// The platform was started for simulated cars.
    SimulationEnabled "simulation_enabled",
    /// The car never had a certificate.
    NeverCertified "never_certified",
    /// The request is authenticated by the car's unused, unexpired credential.
    CredentialUnused "credential_unused",
    /// The request is authenticated by a certificate that is neither expired nor revoked.
    CertificateValid "certificate_valid",
    /// The car is not in quarantine.
    NotQuarantined "not_quarantined",
    /// The code that the car shows now was given: this car's, fresh, unused.
    Possession "possession",
    /// The car has no owner.
    Unowned "unowned",
    /// The owner's invitation to this person for this car is open.
    Invited "invited",
    /// The owner's offer of this car is open.
    Offered "offered",
    /// The car has an owner, and it is somebody else.
    OwnedByAnother "owned_by_another",
}

/// The conditions that hold. What is not in it is taken as false.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts(u32);

/// What a decision depends on besides who asks for what.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// Of this platform.
    pub region: Region,
    pub now: Timestamp,
    /// Whether the second factor was given in the last 10 minutes.
    pub stepped_up: bool,
    pub purpose: Option<Purpose>,
    pub facts: Facts,
}

impl Facts {
    pub const NONE: Self = Self(0);

    #[must_use]
    pub const fn with(self, condition: Condition) -> Self {
        Self(self.0 | 1 << condition as u32)
    }

    #[must_use]
    pub const fn without(self, condition: Condition) -> Self {
        Self(self.0 & !(1 << condition as u32))
    }

    pub const fn has(self, condition: Condition) -> bool {
        self.0 & 1 << condition as u32 != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Condition> {
        Condition::ALL.into_iter().filter(move |condition| self.has(*condition))
    }
}

impl FromIterator<Condition> for Facts {
    fn from_iter<I: IntoIterator<Item = Condition>>(conditions: I) -> Self {
        conditions.into_iter().fold(Self::NONE, Self::with)
    }
}
