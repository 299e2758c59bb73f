//! A car that comes to another owner, or to none: all steps of [`identity::transfer`] in one transaction.

use std::sync::Arc;

use consent::{Grant, Grants};
use identity::{
    Function,
    transfer::{OwnershipChange, ResetStep},
};
use model::{ConsentEpoch, OrganisationId, PersonId, SubjectId, Timestamp};
use possession::CodeKind;
use store::{LinkRow, Transaction};

use super::{OWNED, Ownership, OwnershipError, or_conflict};
use crate::{
    notices::{self, About, NoticeKind},
    random,
    registry::{Car, Update},
};

/// A car that changes hands, step by step.
pub(super) struct Reset<'a> {
    ownership: &'a Ownership,
    tx: Transaction,
    car: &'a Car,
    now: Timestamp,
    change: OwnershipChange,
    /// The next ownership interval, and the epoch that it begins with.
    subject: SubjectId,
    epoch: ConsentEpoch,
    /// The link that the buyer gets.
    next: Option<LinkRow>,
    buyer: Option<PersonId>,
    sellers: Vec<PersonId>,
    drivers: Vec<PersonId>,
    /// Who asked for the car, and has to ask the next owner.
    requesters: Vec<PersonId>,
    organisations: Vec<OrganisationId>,
}

impl Ownership {
    /// Ends an ownership if there is one, and begins the buyer's if there is one.
    pub(super) async fn reset(
        &self,
        tx: Transaction,
        car: &Car,
        change: OwnershipChange,
        buyer: Option<PersonId>,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        let mut reset = Reset::new(self, tx, car, change, buyer, now)?;
        for step in change.steps() {
            reset.step(step).await?;
        }
        reset.commit().await
    }
}

impl<'a> Reset<'a> {
    pub(super) fn new(
        ownership: &'a Ownership,
        tx: Transaction,
        car: &'a Car,
        change: OwnershipChange,
        buyer: Option<PersonId>,
        now: Timestamp,
    ) -> Result<Self, OwnershipError> {
        let next = buyer.map(|buyer| ownership.new_link(car, buyer, Function::Owner, now)).transpose()?;
        Ok(Self {
            ownership,
            tx,
            car,
            now,
            change,
            subject: SubjectId::from_bytes(random::bytes()?),
            epoch: ConsentEpoch(car.grants.epoch().0.saturating_add(1)),
            next,
            buyer,
            sellers: Vec::new(),
            drivers: Vec::new(),
            requesters: Vec::new(),
            organisations: Vec::new(),
        })
    }

    pub(super) async fn step(&mut self, step: ResetStep) -> Result<(), OwnershipError> {
        let (vehicle, now) = (self.car.vehicle, self.now);
        match step {
            ResetStep::EndSubject => self.tx.end_subject(self.car.subject, now).await?,
            ResetStep::BeginSubject => {
                self.tx.begin_subject(self.subject, vehicle, self.epoch, now).await?;
            }
            ResetStep::WithdrawGrants => {
                self.tx.put_grants(&[(self.car.subject, self.withdrawn())]).await?;
            }
            ResetStep::TellCar => {
                let told = [(vehicle, self.none(), self.epoch)];
                self.ownership.0.desired.write_consent(&mut self.tx, &told, now).await?;
            }
            ResetStep::EndOwnerLink => self.end_owner_link().await?,
            ResetStep::EndDriverLinks => {
                self.drivers = self.tx.end_links(vehicle, Function::Driver.slug(), now).await?;
            }
            ResetStep::EndInvitations => self.tx.end_invitations(vehicle).await?,
            ResetStep::EndFleetMembership => {
                self.organisations.extend(self.tx.leave_fleet(vehicle, now).await?);
            }
            ResetStep::EndAccessGrants => {
                self.organisations.append(&mut self.tx.end_access_grants(vehicle, now).await?);
            }
            ResetStep::EndOffers => self.end_offers().await?,
            ResetStep::EndShownCode => self.tx.forget_link_code(vehicle).await?,
            // With the commit: a stream may not end for what does not happen.
            ResetStep::EndStreams => {}
            ResetStep::BeginOwnerLink => {
                if let Some(next) = &self.next {
                    self.tx.add_link(next).await.map_err(|error| or_conflict(error, OWNED))?;
                }
                self.tx.add_access_notice(vehicle, CodeKind::Owner.slug(), now).await?;
                self.tx.forget_access_notices(vehicle).await?;
            }
            ResetStep::NotifySeller => {
                let sellers = std::mem::take(&mut self.sellers);
                self.tell(&sellers, NoticeKind::OwnershipEnded).await?;
            }
            ResetStep::NotifyBuyer => {
                let buyer: Vec<PersonId> = self.buyer.into_iter().collect();
                if self.change == OwnershipChange::Released {
                    self.ownership.tell_released(&mut self.tx, &buyer, vehicle, now).await?;
                } else {
                    self.tell(&buyer, NoticeKind::OwnerLinked).await?;
                }
            }
            ResetStep::NotifyOthers => self.tell_others().await?,
        }
        Ok(())
    }

    /// Others see all of it or nothing: SQL, the registry, the car and open streams.
    pub(super) async fn commit(self) -> Result<(), OwnershipError> {
        let (vehicle, subject, grants) = (self.car.vehicle, self.subject, self.none());
        let shared = Arc::clone(&self.ownership.0);
        let take_up = move |memory: &mut Update<'_>| {
            memory.put_subject(vehicle, subject, grants);
            shared.changes.changed();
            shared.desired.hint(vec![vehicle]);
        };
        self.ownership.0.registry.commit(self.tx, take_up).await?;
        tracing::info!(%vehicle, change = ?self.change, "a car has changed hands");
        Ok(())
    }

    async fn end_owner_link(&mut self) -> Result<(), OwnershipError> {
        self.sellers = self.tx.end_links(self.car.vehicle, Function::Owner.slug(), self.now).await?;
        if self.sellers.is_empty() {
            let what = "the car has no owner any more; look at it again";
            return Err(store::Error::Conflict { what }.into());
        }
        Ok(())
    }

    async fn end_offers(&mut self) -> Result<(), OwnershipError> {
        let was_open = self.tx.end_offer(self.car.vehicle, self.now).await?;
        self.requesters = self.tx.lapse_releases(self.car.vehicle, self.now).await?;
        self.requesters.retain(|requester| Some(*requester) != self.buyer);
        match self.change {
            OwnershipChange::Transferred if !was_open => {
                let what = "the offer is not open any more; ask the owner to offer the car again";
                Err(store::Error::Conflict { what }.into())
            }
            OwnershipChange::Linked
            | OwnershipChange::Transferred
            | OwnershipChange::GivenUp
            | OwnershipChange::Released => Ok(()),
        }
    }

    async fn tell_others(&mut self) -> Result<(), OwnershipError> {
        let mut others = std::mem::take(&mut self.drivers);
        for organisation in std::mem::take(&mut self.organisations) {
            others.append(&mut self.tx.members_of(organisation).await?);
        }
        self.tell(&others, NoticeKind::AccessLost).await?;
        let (vehicle, requesters) = (self.car.vehicle, std::mem::take(&mut self.requesters));
        self.ownership.tell_lapsed(&mut self.tx, &requesters, vehicle, self.now).await
    }

    async fn tell(&mut self, people: &[PersonId], kind: NoticeKind) -> Result<(), OwnershipError> {
        Ok(notices::tell(&mut self.tx, people, kind, About::car(self.car.vehicle), self.now).await?)
    }

    /// What the former owner granted, all of it taken back.
    fn withdrawn(&self) -> Grants {
        let entries = self.car.grants.entries().iter();
        let withdraw = |grant: &Grant| match grant.granted {
            true => Grant { granted: false, at: self.now, ..*grant },
            false => *grant,
        };
        Grants::new(self.epoch, entries.map(withdraw))
    }

    /// What the next owner granted.
    fn none(&self) -> Grants {
        Grants::new(self.epoch, [])
    }
}
