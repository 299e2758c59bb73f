//! Who asks: people with their assignments and links, services, cars.

use model::{Brand, DataCategory, OrganisationId, PersonId, Region, ServiceId, Timestamp, VehicleId};

use crate::{Brands, Error, Function, Profile, Realm};

/// Who asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Principal {
    Person(Person),
    Service(Service),
    /// A car acts on itself only; its certificate or its one-time credential names it.
    Car {
        vehicle: VehicleId,
        region: Region,
    },
}

/// An account in one region. What it may do is the union over its assignments, each taken alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub id: PersonId,
    pub region: Region,
    pub enabled: bool,
    pub assignments: Vec<Assignment>,
    pub links: Links,
    /// The dealership that the account belongs to.
    pub dealership: Option<OrganisationId>,
}

/// A function in some brands of a region, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub function: Function,
    pub brands: Brands,
    pub region: Region,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
}

/// A person's tie to one car, with the car's brand and region when it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub person: PersonId,
    pub function: Function,
    pub vehicle: VehicleId,
    pub brand: Brand,
    pub region: Region,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
    /// What of the car's data an access grant names; none for links of other functions. The policies do not know
    /// of it: who answers withholds the rest.
    pub categories: Option<Vec<DataCategory>>,
}

/// A person's links, found by car: a fleet may have thousands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links(Vec<Link>);

/// A machine of ours with a workload token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: ServiceId,
    pub region: Region,
    pub enabled: bool,
    pub brands: Brands,
    pub profiles: Vec<Profile>,
}

impl Assignment {
    pub fn holds_at(&self, now: Timestamp) -> bool {
        holds(self.from, self.until, now)
    }

    /// The realm of an account whose assignments are `existing` and which is to get `function` too.
    ///
    /// Fails when they are of different realms; asked wherever an assignment is written.
    pub fn realm_with(existing: &[Self], function: Function) -> Result<Realm, Error> {
        let realm = function.realm();
        if existing.iter().all(|assignment| assignment.function.realm() == realm) {
            Ok(realm)
        } else {
            Err(Error::MixedRealms)
        }
    }
}

impl Link {
    pub fn holds_at(&self, now: Timestamp) -> bool {
        holds(self.from, self.until, now)
    }
}

impl Links {
    /// All links to one car.
    pub fn to(&self, vehicle: VehicleId) -> &[Link] {
        let start = self.0.partition_point(|link| link.vehicle < vehicle);
        let rest = self.0.get(start..).unwrap_or_default();
        let len = rest.partition_point(|link| link.vehicle == vehicle);
        rest.get(..len).unwrap_or_default()
    }

    /// In the order of the cars' ids.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.0.iter()
    }
}

impl FromIterator<Link> for Links {
    fn from_iter<I: IntoIterator<Item = Link>>(links: I) -> Self {
        let mut links: Vec<Link> = links.into_iter().collect();
        links.sort_by_key(|link| link.vehicle);
        Self(links)
    }
}

/// The first moment counts, the last does not.
fn holds(from: Timestamp, until: Option<Timestamp>, now: Timestamp) -> bool {
    from <= now && until.is_none_or(|until| now < until)
}
