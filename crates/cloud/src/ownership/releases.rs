//! Releases: a buyer whose seller did not let go asks for the car, privacy approves, and the owner can object.

use ::audit::{Outcome, Slug, Word};
use identity::{Brands, Function, transfer::OwnershipChange};
use model::{Micros, PersonId, Timestamp, VehicleId};
use store::{ReleaseRow, Transaction};

use super::{Ownership, OwnershipError, Proven, or_conflict};
use crate::{
    audit::{Audit, Named, Record},
    desired::RELEASE_REQUESTED,
    errors::chain,
    notices::{self, About, NoticeKind},
    outbox::Letter,
    random,
    registry::Car,
    words::rfc3339,
};

/// How long a request waits for its approval: time to bring proof of the purchase.
const APPROVAL: Micros = Micros(30 * Micros::DAY.0);
/// How long the owner can object once it is approved: who is on holiday comes home.
const OBJECTION: Micros = Micros(14 * Micros::DAY.0);
/// Requests about one car that are open at once; a car is sold to one.
const REQUESTS_MAX: usize = 16;
/// Ended in one go; more wait for the next. A region has some a day.
const AT_ONCE: u32 = 500;

macro_rules! states {
    ($($(#[$doc:meta])* $variant:ident $slug:literal),+ $(,)?) => {
        /// What became of a request for release.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ReleaseState { $($(#[$doc])* $variant),+ }

        impl ReleaseState {
            pub const ALL: [Self; [$($slug),+].len()] = [$(Self::$variant),+];

            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }
        }
    };
}

states! {
    /// It waits for privacy's approval.
    Requested "requested",
    /// It takes effect unless the owner objects in time.
    Approved "approved",
    /// The owner objected.
    Objected "objected",
    /// Nobody approved it in time, or the ownership ended otherwise.
    Lapsed "lapsed",
    /// It took effect.
    Released "released",
}

/// No state of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown state; the states are {}", ReleaseState::ALL.map(ReleaseState::slug).join(", "))]
pub struct UnknownReleaseState;

impl std::str::FromStr for ReleaseState {
    type Err = UnknownReleaseState;

    fn from_str(text: &str) -> Result<Self, UnknownReleaseState> {
        Self::ALL.into_iter().find(|state| state.slug() == text).ok_or(UnknownReleaseState)
    }
}

impl Ownership {
    /// Asks that the owner of a car loses it. The owner is told at once, in the car too.
    pub async fn request_release(
        &self,
        proven: &Proven,
        car: &Car,
        (by, owner): (PersonId, PersonId),
        now: Timestamp,
    ) -> Result<ReleaseRow, OwnershipError> {
        if self.0.store.open_releases(car.vehicle).await?.len() >= REQUESTS_MAX {
            let what = "16 people ask for this car already; wait until privacy has decided";
            return Err(store::Error::Conflict { what }.into());
        }
        let release = ReleaseRow {
            id: random::name()?,
            vehicle: car.vehicle,
            subject: car.subject,
            owner,
            requested_by: by,
            state: ReleaseState::Requested.slug().to_owned(),
            requested_at: now,
            approved_at: None,
            due_at: now + APPROVAL,
            ended_at: None,
        };
        let mut tx = self.0.store.begin().await?;
        proven.take(&mut tx, now).await?;
        tx.add_release(&release).await.map_err(|error| {
            or_conflict(error, "you have asked for this car already; wait for the answer")
        })?;
        tx.add_access_notice(car.vehicle, RELEASE_REQUESTED, now).await?;
        let text = format!(
            "Somebody who sat in your car {} asks that it is taken from you, since they say that you sold it. \
             If you did not, object: POST /v1/ownership-releases/{}/objection. Nothing happens before our \
             privacy people have approved it and told you.",
            car.vehicle, release.id
        );
        self.tell_all(&mut tx, &[owner], NoticeKind::ReleaseRequested, car.vehicle, &text, now).await?;
        let privacy = (Function::Privacy, self.0.registry.region(), Brands::from(car.brand));
        let about = About::car(car.vehicle);
        notices::tell_holders(&mut tx, privacy, NoticeKind::ReleaseWaits, about, now).await?;
        self.commit(tx, car.vehicle).await?;
        self.0.outbox.send(now).await;
        Ok(release)
    }

    /// Approves a request: it takes effect in 14 days unless the owner objects.
    pub async fn approve_release(
        &self,
        release: &ReleaseRow,
        car: &Car,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        let due_at = now + OBJECTION;
        let mut tx = self.0.store.begin().await?;
        let is_against_the_owner = release.subject == car.subject;
        if !is_against_the_owner || !tx.approve_release(&release.id, due_at, now).await? {
            let what = "the request is approved or over; GET /v1/ownership-releases says which";
            return Err(store::Error::Conflict { what }.into());
        }
        let kind = NoticeKind::ReleaseApproved;
        let text = format!(
            "The request that your car {} is taken from you was approved. It is not yours any more from {} on, \
             unless you object before: POST /v1/ownership-releases/{}/objection.",
            car.vehicle,
            rfc3339(due_at),
            release.id
        );
        self.tell_all(&mut tx, &[release.owner], kind, car.vehicle, &text, now).await?;
        let text = format!(
            "Your request about the car {} was approved. Unless its owner objects, you can link it from {} on, by \
             the code that it shows.",
            car.vehicle,
            rfc3339(due_at)
        );
        self.tell_all(&mut tx, &[release.requested_by], kind, car.vehicle, &text, now).await?;
        tx.commit().await?;
        self.0.outbox.send(now).await;
        Ok(())
    }

    /// The owner objects to a request; it is over.
    pub async fn object_to_release(
        &self,
        release: &ReleaseRow,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        let mut tx = self.0.store.begin().await?;
        if !tx.object_to_release(&release.id, now).await? {
            let what = "the request is over; nothing more happens by it";
            return Err(store::Error::Conflict { what }.into());
        }
        let text = format!(
            "The owner of the car {} objected to your request; it is over. Settle it with them.",
            release.vehicle
        );
        let told = [release.requested_by];
        self.tell_all(&mut tx, &told, NoticeKind::ReleaseObjected, release.vehicle, &text, now).await?;
        tx.commit().await?;
        self.0.outbox.send(now).await;
        Ok(())
    }

    /// Ends what is due: what nobody approved lapses, what nobody objected to takes effect. What fails is tried
    /// again the next time.
    pub async fn end_due_releases(&self, audit: &Audit, now: Timestamp) {
        let due = match self.0.store.due_releases(now, AT_ONCE).await {
            Ok(due) => due,
            Err(error) => {
                return tracing::warn!(error = %chain(&error), "requests for release cannot be read");
            }
        };
        for release in due {
            if let Err(error) = self.end_due(audit, &release, now).await {
                let release = release.id;
                tracing::warn!(release, error = %chain(&error), "a request for release is due and did not end");
            }
        }
    }

    /// Nobody asks for it now, so that the platform itself stands in the audit log: before, and how it ended.
    async fn end_due(
        &self,
        audit: &Audit,
        release: &ReleaseRow,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        // An ownership may have ended while the request came in: the next owner was not asked.
        let is_approved = release.state == ReleaseState::Approved.slug();
        let car = self.0.registry.car(release.vehicle);
        let car = car.filter(|car| is_approved && car.subject == release.subject);
        let action = if car.is_some() { TAKES_EFFECT } else { LAPSES };
        let record = self.entry(release, action, now);
        audit.record(record.clone()).await?;
        let ended = match &car {
            Some(car) => self.take_effect(release, car, now).await,
            None => self.lapse(release, now).await,
        };
        let (outcome, reason) = match &ended {
            Ok(true) => (Outcome::Allowed, None),
            Ok(false) => (Outcome::Failed, Some(slug("conflict"))),
            Err(_) => (Outcome::Failed, Some(slug("internal"))),
        };
        audit.note(Record { outcome, reason, ..record });
        ended.map(drop)
    }

    /// `false` when the owner objected meanwhile.
    async fn take_effect(
        &self,
        release: &ReleaseRow,
        car: &Car,
        now: Timestamp,
    ) -> Result<bool, OwnershipError> {
        let mut tx = self.0.store.begin().await?;
        if !tx.end_due_release(&release.id, ReleaseState::Released.slug(), now).await? {
            return Ok(false);
        }
        self.reset(tx, car, OwnershipChange::Released, Some(release.requested_by), now).await?;
        Ok(true)
    }

    async fn lapse(&self, release: &ReleaseRow, now: Timestamp) -> Result<bool, OwnershipError> {
        let mut tx = self.0.store.begin().await?;
        if !tx.end_due_release(&release.id, ReleaseState::Lapsed.slug(), now).await? {
            return Ok(false);
        }
        self.tell_lapsed(&mut tx, &[release.requested_by], release.vehicle, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(super) async fn tell_lapsed(
        &self,
        tx: &mut Transaction,
        people: &[PersonId],
        vehicle: VehicleId,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        let text = format!(
            "Your request about the car {vehicle} is over: nobody approved it in time, or the car changed hands. If it \
             has no owner now, link it by the code that it shows; else you can ask again."
        );
        self.tell_all(tx, people, NoticeKind::ReleaseLapsed, vehicle, &text, now).await
    }

    pub(super) async fn tell_released(
        &self,
        tx: &mut Transaction,
        people: &[PersonId],
        vehicle: VehicleId,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        let text = format!(
            "The car {vehicle}, which you asked for, has no owner any more. Link it by the code that it shows for an \
             owner: POST /v1/links."
        );
        self.tell_all(tx, people, NoticeKind::Released, vehicle, &text, now).await
    }

    /// By a notice and by a letter: whoever sold a car may not look in here for months.
    async fn tell_all(
        &self,
        tx: &mut Transaction,
        people: &[PersonId],
        kind: NoticeKind,
        vehicle: VehicleId,
        text: &str,
        now: Timestamp,
    ) -> Result<(), OwnershipError> {
        notices::tell(tx, people, kind, About::car(vehicle), now).await?;
        for person in people {
            let to = tx.recipient(*person).await?;
            let letter = Letter { to: to.address, username: to.username, text: text.to_owned() };
            let row = self.0.outbox.row(kind.slug(), *person, &letter, now)?;
            tx.add_to_outbox(&row).await?;
        }
        Ok(())
    }

    fn entry(&self, release: &ReleaseRow, action: &'static str, now: Timestamp) -> Record {
        let car = self.0.registry.car(release.vehicle);
        Record {
            at: now,
            actor: (slug("platform"), Named::Plain(word("timer"))),
            action: slug(action),
            resource: (slug("vehicle"), Named::Committed(word(&release.vehicle.to_string()))),
            subject: Some(release.subject),
            brand: car.map(|car| car.brand),
            purpose: None,
            outcome: Outcome::Allowed,
            reason: Some(slug("begun")),
            request: None,
            address: None,
        }
    }
}

/// How the audit log names what the platform does by itself.
const TAKES_EFFECT: &str = "ownership_release.take_effect";
const LAPSES: &str = "ownership_release.lapse";

fn slug(text: &'static str) -> Slug {
    text.parse().expect("actions, kinds and reasons are slugs")
}

fn word(text: &str) -> Word {
    text.parse().expect("ids are visible ASCII and too long for a VIN")
}
