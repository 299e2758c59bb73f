//! Who owns, drives and may see a car: proof of possession, links, invitations, offers, access grants.
//!
//! Each change is one transaction, in which also stands what people and the car are told of it; the registry
//! takes it up, and open streams decide anew.
//!
//! Invariants, as absences: nobody gets a car without a code that it shows; no answer tells a wrong code from
//! one that is over; nothing of an ownership outlives it.

use std::sync::Arc;

use identity::{Function, transfer::OwnershipChange};
use model::{Micros, OrganisationId, PersonId, Timestamp, VehicleId};
use possession::{CodeKind, Salt};
use store::{InvitationRow, LinkRow, OfferRow, Store, Transaction};

use crate::{
    audit::AuditError,
    changes::Changes,
    desired::{Desired, DesiredError},
    notices::{self, About, NoticeError, NoticeKind},
    outbox::{Outbox, OutboxError},
    pki::PkiError,
    random,
    registry::{Car, Registry, Update},
};

pub use access::{BY_CODE, BY_OWNER_MAX, OrganisationKind, Wanted, may_be_granted};
pub use codes::Proven;
pub use people::{CarPeople, Named};
pub use releases::{ReleaseState, UnknownReleaseState};

mod access;
mod codes;
mod people;
mod releases;
mod reset;

/// How long an invitation is open: somebody has to come to the car.
const INVITATION: Micros = Micros(7 * Micros::DAY.0);
/// How long an offer is open: so long whoever sits in the car could take it over.
const OFFER: Micros = Micros(3 * Micros::DAY.0);
/// Invitations that are open at once; a family has fewer.
const INVITATIONS_MAX: usize = 16;

/// Why nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    #[error("no car shows this code for this now; let the car show a new one, and type what its screen says")]
    Code,
    #[error("too many codes were tried; wait")]
    TooMany { retry_after_s: u32 },
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Desired(#[from] DesiredError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Random(#[from] PkiError),
}

impl From<NoticeError> for OwnershipError {
    fn from(error: NoticeError) -> Self {
        match error {
            NoticeError::Store(error) => error.into(),
            NoticeError::Random(error) => error.into(),
        }
    }
}

/// Changes who may do what with cars. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ownership(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Store,
    registry: Registry,
    desired: Desired,
    /// Told of each change: what was decided before is decided anew, also in open streams.
    changes: Changes,
    /// For who may lose a car and does not look in here.
    outbox: Outbox,
    salt: Salt,
    tries: codes::Tries,
}

impl Ownership {
    pub fn new(store: Store, registry: Registry, desired: Desired, changes: Changes, outbox: Outbox) -> Self {
        let (salt, tries) = (Salt::of_region(registry.region()), codes::Tries::new());
        Self(Arc::new(Shared { store, registry, desired, changes, outbox, salt, tries }))
    }

    /// Makes somebody the owner of a car that has none. It begins anew, as for a buyer.
    pub async fn link(
        &self,
        proven: &Proven,
        car: &Car,
        owner: PersonId,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        let mut tx = self.0.store.begin().await?;
        proven.take(&mut tx, now).await?;
        self.reset(tx, car, OwnershipChange::Linked, Some(owner), now).await
    }

    /// Ends an ownership without a successor.
    pub async fn give_up(&self, car: &Car, now: Timestamp) -> Result<(), OwnershipError> {
        let tx = self.0.store.begin().await?;
        self.reset(tx, car, OwnershipChange::GivenUp, None, now).await
    }

    /// Offers a car to its buyer.
    pub async fn offer(
        &self,
        car: &Car,
        owner: PersonId,
        now: Timestamp,
    ) -> Result<OfferRow, OwnershipError> {
        let offer =
            OfferRow { vehicle: car.vehicle, offered_by: owner, created_at: now, expires_at: now + OFFER };
        let mut tx = self.0.store.begin().await?;
        tx.put_offer(&offer).await?;
        notices::tell(&mut tx, &[owner], NoticeKind::Offered, About::car(car.vehicle), now).await?;
        tx.commit().await?;
        Ok(offer)
    }

    /// Takes an offer back; `false` when there is none.
    pub async fn cancel_offer(&self, vehicle: VehicleId, now: Timestamp) -> Result<bool, OwnershipError> {
        let mut tx = self.0.store.begin().await?;
        let was_open = tx.end_offer(vehicle, now).await?;
        tx.commit().await?;
        Ok(was_open)
    }

    /// Gives an offered car to its buyer.
    pub async fn take_over(
        &self,
        proven: &Proven,
        car: &Car,
        buyer: PersonId,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        let mut tx = self.0.store.begin().await?;
        proven.take(&mut tx, now).await?;
        self.reset(tx, car, OwnershipChange::Transferred, Some(buyer), now).await
    }

    /// Invites a driver: whoever brings the invitation and a code shown in the car.
    pub async fn invite(
        &self,
        car: &Car,
        owner: PersonId,
        now: Timestamp,
    ) -> Result<InvitationRow, OwnershipError> {
        if self.0.store.invitations_to(car.vehicle, now).await?.len() >= INVITATIONS_MAX {
            let what = "the car has 16 open invitations; end one of them first";
            return Err(store::Error::Conflict { what }.into());
        }
        let invitation = InvitationRow {
            id: random::name()?,
            vehicle: car.vehicle,
            invited_by: owner,
            created_at: now,
            expires_at: now + INVITATION,
        };
        let mut tx = self.0.store.begin().await?;
        tx.add_invitation(&invitation).await?;
        tx.commit().await?;
        Ok(invitation)
    }

    /// The open invitation of this id to this car.
    pub async fn invitation(
        &self,
        id: &str,
        vehicle: VehicleId,
        now: Timestamp,
    ) -> Result<Option<InvitationRow>, OwnershipError> {
        let found = self.0.store.invitation(id, now).await?;
        Ok(found.filter(|invitation| invitation.vehicle == vehicle))
    }

    /// Makes an invited person a driver.
    pub async fn accept(
        &self,
        proven: &Proven,
        invitation: &InvitationRow,
        car: &Car,
        driver: PersonId,
        now: Timestamp,
    ) -> Result<LinkRow, OwnershipError> {
        let mut tx = self.0.store.begin().await?;
        proven.take(&mut tx, now).await?;
        if !tx.end_invitation(car.vehicle, &invitation.id, now).await? {
            let what = "the invitation is not open any more; ask the owner for another one";
            return Err(store::Error::Conflict { what }.into());
        }
        let link = self.new_link(car, driver, Function::Driver, now)?;
        tx.add_link(&link)
            .await
            .map_err(|error| or_conflict(error, "you are a driver of this car already"))?;
        tx.add_access_notice(car.vehicle, CodeKind::Driver.slug(), now).await?;
        let told = [invitation.invited_by];
        notices::tell(&mut tx, &told, NoticeKind::DriverLinked, About::car(car.vehicle), now).await?;
        self.commit(tx, car.vehicle).await?;
        Ok(link)
    }

    /// Ends an invitation, or a driver's link at the word of `by`; `false` when there is none of this id.
    pub async fn end_driver(
        &self,
        car: &Car,
        id: &str,
        by: PersonId,
        now: Timestamp,
    ) -> Result<bool, OwnershipError> {
        let links = self.0.store.links_to(car.vehicle, now).await?;
        let owner = links.iter().find(|link| link.function == Function::Owner.slug());
        let driver = links.iter().find(|link| link.id == id && link.function == Function::Driver.slug());
        let mut tx = self.0.store.begin().await?;
        let Some(driver) = driver else {
            let ended = tx.end_invitation(car.vehicle, id, now).await?;
            tx.commit().await?;
            return Ok(ended);
        };
        if !tx.end_link(car.vehicle, id, now).await? {
            return Ok(false);
        }
        let told = [Some(driver.person), owner.map(|owner| owner.person)];
        let told: Vec<PersonId> = told.into_iter().flatten().filter(|person| *person != by).collect();
        notices::tell(&mut tx, &told, NoticeKind::DriverLinkEnded, About::car(car.vehicle), now).await?;
        self.commit(tx, car.vehicle).await?;
        Ok(true)
    }

    /// Puts a car into a fleet.
    pub async fn join_fleet(
        &self,
        car: &Car,
        fleet: OrganisationId,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        let mut tx = self.0.store.begin().await?;
        let place = (car.brand, self.0.registry.region());
        tx.join_fleet(&random::name()?, car.vehicle, fleet, place, now)
            .await
            .map_err(|error| or_conflict(error, "the car is in a fleet; take it out of that one first"))?;
        let told = tx.members_of(fleet).await?;
        notices::tell(&mut tx, &told, NoticeKind::FleetJoined, About::car(car.vehicle).and(Some(fleet)), now)
            .await?;
        self.commit(tx, car.vehicle).await
    }

    /// Takes a car out of its fleet; `false` when it is in none.
    pub async fn leave_fleet(&self, car: &Car, now: Timestamp) -> Result<bool, OwnershipError> {
        let owner = self.owner(car.vehicle, now).await?;
        let mut tx = self.0.store.begin().await?;
        let Some(fleet) = tx.leave_fleet(car.vehicle, now).await? else { return Ok(false) };
        let mut told = tx.members_of(fleet).await?;
        told.extend(owner);
        notices::tell(&mut tx, &told, NoticeKind::FleetLeft, About::car(car.vehicle).and(Some(fleet)), now)
            .await?;
        self.commit(tx, car.vehicle).await?;
        Ok(true)
    }

    /// Whose a car is.
    pub async fn owner(&self, vehicle: VehicleId, now: Timestamp) -> Result<Option<PersonId>, store::Error> {
        let links = self.0.store.links_to(vehicle, now).await?;
        let owner = links.into_iter().find(|link| link.function == Function::Owner.slug());
        Ok(owner.map(|link| link.person))
    }

    fn new_link(
        &self,
        car: &Car,
        person: PersonId,
        function: Function,
        now: Timestamp,
    ) -> Result<LinkRow, OwnershipError> {
        Ok(LinkRow {
            id: random::name()?,
            person,
            function: function.slug().to_owned(),
            vehicle: car.vehicle,
            brand: car.brand,
            region: self.0.registry.region().clone(),
            starts_at: now,
            ends_at: None,
            categories: None,
        })
    }

    /// Commits a change of who may see a car: open streams decide anew, and the car fetches what it is told.
    async fn commit(&self, tx: Transaction, vehicle: VehicleId) -> Result<(), OwnershipError> {
        let shared = Arc::clone(&self.0);
        let take_up = move |_: &mut Update<'_>| {
            shared.changes.changed();
            shared.desired.hint(vec![vehicle]);
        };
        Ok(self.0.registry.commit(tx, take_up).await?)
    }
}

const OWNED: &str = "the car has an owner; they offer it to you, or give it up, before you link it";

/// That it is there already, said in words of what it is.
fn or_conflict(error: store::Error, what: &'static str) -> store::Error {
    if matches!(error, store::Error::Conflict { .. }) { store::Error::Conflict { what } } else { error }
}

#[cfg(test)]
mod tests;
