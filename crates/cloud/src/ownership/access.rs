//! Dealerships' access to cars, and the organisations themselves.

use model::{DataCategory, Micros, OrganisationId, PersonId, Timestamp};
use possession::CodeKind;
use store::{AccessGrantRow, OrganisationRow};

use super::{Ownership, OwnershipError, Proven};
use crate::{
    notices::{self, About, NoticeKind},
    random,
    registry::Car,
};

/// How long a dealership has access by the code shown in a car.
pub const BY_CODE: Micros = Micros(72 * Micros::HOUR.0);
/// How long an owner may give a dealership access.
pub const BY_OWNER_MAX: Micros = Micros(30 * Micros::DAY.0);

/// Whether a dealership may have a category at all: a workshop needs neither where a car was nor who was in it.
pub const fn may_be_granted(category: DataCategory) -> bool {
    match category {
        DataCategory::Location | DataCategory::Identity | DataCategory::Cabin | DataCategory::Media => false,
        DataCategory::Driving
        | DataCategory::Charging
        | DataCategory::Diagnostics
        | DataCategory::Body
        | DataCategory::Assistance
        | DataCategory::Equipment
        | DataCategory::Tyres => true,
    }
}

/// What an organisation does with cars that are not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OrganisationKind {
    /// Looks after the cars that owners put into it.
    Fleet,
    /// Repairs cars that it was given access to.
    Dealership,
}

impl OrganisationKind {
    pub const SLUGS: [&'static str; 2] = ["fleet", "dealership"];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Dealership => "dealership",
        }
    }
}

impl std::str::FromStr for OrganisationKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "fleet" => Ok(Self::Fleet),
            "dealership" => Ok(Self::Dealership),
            _ => Err(format!("the kinds of organisations are {}", Self::SLUGS.join(", "))),
        }
    }
}

/// Access that a dealership is to have.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub dealership: OrganisationId,
    pub categories: Vec<DataCategory>,
    pub until: Timestamp,
}

impl Ownership {
    /// Gives a dealership access to a car; with a proof, somebody in the car let it.
    pub async fn grant_access(
        &self,
        car: &Car,
        wanted: Wanted,
        by: PersonId,
        proven: Option<&Proven>,
        now: Timestamp,
    ) -> Result<AccessGrantRow, OwnershipError> {
        let owner = self.owner(car.vehicle, now).await?;
        let grant = AccessGrantRow {
            id: random::name()?,
            vehicle: car.vehicle,
            dealership: wanted.dealership,
            brand: car.brand,
            region: self.0.registry.region().clone(),
            categories: wanted.categories,
            given_by: by,
            by_code: proven.is_some(),
            starts_at: now,
            ends_at: wanted.until,
        };
        let mut tx = self.0.store.begin().await?;
        if let Some(proven) = proven {
            proven.take(&mut tx, now).await?;
        }
        tx.add_access_grant(&grant).await?;
        tx.add_access_notice(car.vehicle, CodeKind::Workshop.slug(), now).await?;
        let mut told: Vec<PersonId> = owner.into_iter().collect();
        let kind = if proven.is_some() {
            NoticeKind::AccessRedeemed
        } else {
            told.extend(tx.members_of(wanted.dealership).await?);
            NoticeKind::AccessGranted
        };
        let about = About::car(car.vehicle).and(Some(wanted.dealership));
        notices::tell(&mut tx, &told, kind, about, now).await?;
        self.commit(tx, car.vehicle).await?;
        Ok(grant)
    }

    /// Ends a dealership's access; `false` when it is over already.
    pub async fn end_access(
        &self,
        car: &Car,
        grant: &AccessGrantRow,
        now: Timestamp,
    ) -> Result<bool, OwnershipError> {
        let owner = self.owner(car.vehicle, now).await?;
        let mut tx = self.0.store.begin().await?;
        if !tx.end_access_grant(car.vehicle, &grant.id, now).await? {
            return Ok(false);
        }
        let mut told = tx.members_of(grant.dealership).await?;
        told.extend(owner);
        let about = About::car(car.vehicle).and(Some(grant.dealership));
        notices::tell(&mut tx, &told, NoticeKind::AccessEnded, about, now).await?;
        self.commit(tx, car.vehicle).await?;
        Ok(true)
    }

    /// Registers a fleet or a dealership, under an id of its own.
    pub async fn add_organisation(
        &self,
        mut new: OrganisationRow,
    ) -> Result<OrganisationRow, OwnershipError> {
        new.id = OrganisationId::from_bytes(random::bytes()?);
        let mut tx = self.0.store.begin().await?;
        tx.add_organisation(&new).await?;
        tx.commit().await?;
        Ok(new)
    }

    /// Disables an organisation; what it saw of cars ends. `false` when it is disabled already.
    pub async fn disable_organisation(
        &self,
        id: OrganisationId,
        now: Timestamp,
    ) -> Result<bool, OwnershipError> {
        let mut tx = self.0.store.begin().await?;
        let disabled = tx.disable_organisation(id, now).await?;
        tx.commit().await?;
        self.0.changes.changed();
        Ok(disabled)
    }
}
