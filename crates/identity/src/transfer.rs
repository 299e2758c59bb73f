//! What is reset when a car comes to an owner, or loses one. All of it happens in one transaction.
//!
//! Certificates stay, since the car is the same; so do campaigns, which collect nothing until the new
//! owner grants.

/// How a car came to another owner, or to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnershipChange {
    /// Somebody linked a car without an owner, by the code shown in it.
    Linked,
    /// The buyer took the offered car over, by the code shown in it.
    Transferred,
    /// The owner gave the car up without a successor.
    GivenUp,
    /// Privacy approved a release, and the owner did not object in time.
    Released,
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResetStep {
    /// Nobody sees the history of another's ownership.
    EndSubject,
    BeginSubject,
    /// All grants, under a new consent epoch.
    WithdrawGrants,
    /// The car fetches the new epoch before it sends anything else.
    TellCar,
    EndOwnerLink,
    EndDriverLinks,
    EndInvitations,
    EndFleetMembership,
    EndAccessGrants,
    /// The offer, and requests for release, that are still open.
    EndOffers,
    EndShownCode,
    /// Of everybody whose link or grant ended.
    EndStreams,
    /// The buyer, or whoever links a car that has no owner, becomes it.
    BeginOwnerLink,
    NotifySeller,
    NotifyBuyer,
    /// Drivers, fleet, dealerships, and whoever asked for a release.
    NotifyOthers,
}

impl OwnershipChange {
    pub const ALL: [Self; 4] = [Self::Linked, Self::Transferred, Self::GivenUp, Self::Released];

    /// In order: what ends access comes before what tells of it.
    pub fn steps(self) -> impl Iterator<Item = ResetStep> {
        ResetStep::ALL.into_iter().filter(move |step| self.needs(*step))
    }

    const fn needs(self, step: ResetStep) -> bool {
        match step {
            // Whose it was, if anybody's, lost it before.
            ResetStep::EndOwnerLink | ResetStep::NotifySeller => match self {
                Self::Linked => false,
                Self::Transferred | Self::GivenUp | Self::Released => true,
            },
            ResetStep::BeginOwnerLink | ResetStep::NotifyBuyer => match self {
                Self::Linked | Self::Transferred => true,
                Self::GivenUp => false,
                // Whoever asked is told; the car is linked by its code, as one without an owner.
                Self::Released => matches!(step, ResetStep::NotifyBuyer),
            },
            ResetStep::EndSubject
            | ResetStep::BeginSubject
            | ResetStep::WithdrawGrants
            | ResetStep::TellCar
            | ResetStep::EndDriverLinks
            | ResetStep::EndInvitations
            | ResetStep::EndFleetMembership
            | ResetStep::EndAccessGrants
            | ResetStep::EndOffers
            | ResetStep::EndShownCode
            | ResetStep::EndStreams
            | ResetStep::NotifyOthers => true,
        }
    }
}

impl ResetStep {
    pub const ALL: [Self; 16] = [
        Self::EndSubject,
        Self::BeginSubject,
        Self::WithdrawGrants,
        Self::TellCar,
        Self::EndOwnerLink,
        Self::EndDriverLinks,
        Self::EndInvitations,
        Self::EndFleetMembership,
        Self::EndAccessGrants,
        Self::EndOffers,
        Self::EndShownCode,
        Self::EndStreams,
        Self::BeginOwnerLink,
        Self::NotifySeller,
        Self::NotifyBuyer,
        Self::NotifyOthers,
    ];
}

#[cfg(test)]
mod tests;
