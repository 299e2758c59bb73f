//! What people are told outside of their cars, in the transaction of what it tells of.

use model::{OrganisationId, PersonId, Timestamp, VehicleId};
use store::{NoticeRow, Transaction};

use super::OwnershipError;
use crate::random;

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
}

/// Tells each of these people once.
pub(super) async fn tell(
    tx: &mut Transaction,
    people: &[PersonId],
    kind: NoticeKind,
    vehicle: Option<VehicleId>,
    organisation: Option<OrganisationId>,
    now: Timestamp,
) -> Result<(), OwnershipError> {
    let mut people = people.to_vec();
    people.sort_unstable();
    people.dedup();
    let notice = |person| {
        Ok(NoticeRow {
            id: random::name()?,
            person,
            kind: kind.slug().to_owned(),
            vehicle,
            organisation,
            at: now,
            acknowledged_at: None,
        })
    };
    let notices = people.into_iter().map(notice).collect::<Result<Vec<_>, OwnershipError>>()?;
    Ok(tx.add_notices(&notices).await?)
}
