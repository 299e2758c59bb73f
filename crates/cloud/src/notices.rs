//! What people are told outside of their cars, in the transaction of what it tells of.

use identity::{Brands, Function};
use model::{OrganisationId, PersonId, Region, Timestamp, VehicleId};
use store::{NoticeRow, Transaction};

use crate::{pki::PkiError, random};

/// Why somebody was not told.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Random(#[from] PkiError),
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $slug:literal),+ $(,)?) => {
        /// What a notice tells of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum NoticeKind { $($(#[$doc])* $variant),+ }

        impl NoticeKind {
            pub const SLUGS: &'static [&'static str] = &[$($slug),+];

            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }
        }
    };
}

kinds! {
    /// You own a car.
    OwnerLinked "owner-linked",
    /// Your car is not yours any more.
    OwnershipEnded "ownership-ended",
    /// Your car is offered to a buyer.
    Offered "offered",
    /// Somebody drives your car from now on.
    DriverLinked "driver-linked",
    /// Somebody drives a car no more: you, or a driver of yours.
    DriverLinkEnded "driver-link-ended",
    /// A car came into the fleet.
    FleetJoined "fleet-joined",
    /// A car left its fleet.
    FleetLeft "fleet-left",
    /// A dealership was given access to a car.
    AccessGranted "access-granted",
    /// A dealership took access to a car by the code shown in it.
    AccessRedeemed "access-redeemed",
    /// A dealership's access to a car was ended.
    AccessEnded "access-ended",
    /// A car that you drove or saw has changed hands.
    AccessLost "access-lost",
    /// Somebody asks that your car is taken from you, since you sold it.
    ReleaseRequested "release-requested",
    /// A request to take a car from its owner was approved: yours, or the one about your car.
    ReleaseApproved "release-approved",
    /// The owner of a car that you asked for objected.
    ReleaseObjected "release-objected",
    /// Nobody approved your request for a car in time, or the car changed hands.
    ReleaseLapsed "release-lapsed",
    /// A car that you asked for has no owner any more: link it by its code.
    Released "released",
    /// A request to take a car from its owner waits for somebody who answers for privacy.
    ReleaseWaits "release-waits",
    /// An account of staff or partners was made.
    AccountMade "account-made",
    /// Somebody else changed an account: its name, address, fleet or dealership.
    AccountChanged "account-changed",
    AccountDisabled "account-disabled",
    AccountEnabled "account-enabled",
    /// An account's password and second factor were voided.
    CredentialsReset "credentials-reset",
    /// An account was given a function.
    RoleGiven "role-given",
    /// A function was taken from an account.
    RoleEnded "role-ended",
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About {
    pub(crate) vehicle: Option<VehicleId>,
    pub(crate) organisation: Option<OrganisationId>,
    pub(crate) person: Option<PersonId>,
}

impl About {
    pub(crate) fn car(vehicle: VehicleId) -> Self {
        Self { vehicle: Some(vehicle), ..Self::default() }
    }

    pub(crate) fn person(person: PersonId) -> Self {
        Self { person: Some(person), ..Self::default() }
    }

    pub(crate) fn and(self, organisation: Option<OrganisationId>) -> Self {
        Self { organisation, ..self }
    }
}

/// Tells each of these people once.
pub(crate) async fn tell(
    tx: &mut Transaction,
    people: &[PersonId],
    kind: NoticeKind,
    about: About,
    now: Timestamp,
) -> Result<(), NoticeError> {
    let About { vehicle, organisation, person } = about;
    let mut people = people.to_vec();
    people.sort_unstable();
    people.dedup();
    let notice = |to| {
        Ok(NoticeRow {
            id: random::name()?,
            person: to,
            kind: kind.slug().to_owned(),
            vehicle,
            organisation,
            about: person,
            at: now,
            acknowledged_at: None,
        })
    };
    let notices = people.into_iter().map(notice).collect::<Result<Vec<_>, NoticeError>>()?;
    Ok(tx.add_notices(&notices).await?)
}

/// Tells all who have a function in one of these brands.
pub(crate) async fn tell_holders(
    tx: &mut Transaction,
    (function, region, brands): (Function, &Region, Brands),
    kind: NoticeKind,
    about: About,
    now: Timestamp,
) -> Result<(), NoticeError> {
    let holders = tx.holders(function.slug(), region, now).await?;
    let reached = holders.into_iter().filter(|(_, held)| held.iter().any(|brand| brands.contains(*brand)));
    let people: Vec<PersonId> = reached.map(|(person, _)| person).collect();
    tell(tx, &people, kind, about, now).await
}
