//! What the end of an ownership resets. All of it happens in one transaction.
//!
//! Certificates stay, since the car is the same; so do campaigns, which collect nothing until the new
//! owner grants.

/// How an ownership ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OwnershipEnd {
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
    /// An offer or a request for release that is still open.
    EndOffers,
    EndShownCode,
    /// Of everybody whose link or grant ended.
    EndStreams,
    /// The buyer becomes the owner.
    BeginOwnerLink,
    NotifySeller,
    NotifyBuyer,
    /// Drivers, fleet and dealerships.
    NotifyOthers,
}

impl OwnershipEnd {
    pub const ALL: [Self; 3] = [Self::Transferred, Self::GivenUp, Self::Released];

    /// In order: what ends access comes before what tells of it.
    pub fn steps(self) -> impl Iterator<Item = ResetStep> {
        ResetStep::ALL.into_iter().filter(move |step| self.needs(*step))
    }

    const fn needs(self, step: ResetStep) -> bool {
        match step {
            ResetStep::BeginOwnerLink | ResetStep::NotifyBuyer => match self {
                Self::Transferred => true,
                Self::GivenUp => false,
                // Whoever asked is told; the car is linked by its code, as one without an owner.
                Self::Released => matches!(step, ResetStep::NotifyBuyer),
            },
            ResetStep::EndSubject
            | ResetStep::BeginSubject
            | ResetStep::WithdrawGrants
            | ResetStep::TellCar
            | ResetStep::EndOwnerLink
            | ResetStep::EndDriverLinks
            | ResetStep::EndInvitations
            | ResetStep::EndFleetMembership
            | ResetStep::EndAccessGrants
            | ResetStep::EndOffers
            | ResetStep::EndShownCode
            | ResetStep::EndStreams
            | ResetStep::NotifySeller
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
