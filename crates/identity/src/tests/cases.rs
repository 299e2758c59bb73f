//! Questions to ask: the base case of each cell, and what changes it.

use model::{Brand, OrganisationId, PersonId, Purpose, Region, ServiceId, Timestamp, VehicleId};

use super::tables::{Cell, Column, Scope, Tables};
use crate::{
    Action, Assignment, Brands, BrandsThing, Condition, Context, Decision, Function, Link, Links, Person,
    PersonThing, Policies, Principal, Profile, Resource, ResourceKind, Service, VehiclePart, What,
};

pub(crate) const NOW: Timestamp = Timestamp(1_000_000);
pub(crate) const ME: PersonId = PersonId::from_bytes([1; 16]);
const OTHER: PersonId = PersonId::from_bytes([2; 16]);
const MY_CAR: VehicleId = VehicleId::from_bytes([3; 16]);
const OTHER_CAR: VehicleId = VehicleId::from_bytes([4; 16]);
const MY_SERVICE: ServiceId = ServiceId::from_bytes([5; 16]);
const OTHER_SERVICE: ServiceId = ServiceId::from_bytes([6; 16]);
const MY_DEALERSHIP: OrganisationId = OrganisationId::from_bytes([7; 16]);
const OTHER_DEALERSHIP: OrganisationId = OrganisationId::from_bytes([8; 16]);

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) principal: Principal,
    pub(crate) action: Action,
    pub(crate) resource: Resource,
    pub(crate) context: Context,
}

pub(crate) fn home() -> Region {
    "eu".parse().unwrap()
}

pub(crate) fn elsewhere() -> Region {
    "us".parse().unwrap()
}

pub(crate) fn person(assignments: Vec<Assignment>) -> Person {
    Person {
        id: ME,
        region: home(),
        enabled: true,
        assignments,
        links: Links::default(),
        dealership: Some(MY_DEALERSHIP),
    }
}

pub(crate) fn assignment(function: Function, brands: Brands) -> Assignment {
    Assignment { function, brands, region: home(), from: NOW, until: Some(Timestamp(NOW.0 + 1)) }
}

pub(crate) fn context(purpose: Option<Purpose>) -> Context {
    let facts = Condition::ALL.into_iter().collect();
    Context { region: home(), now: NOW, stepped_up: true, purpose, facts }
}

pub(crate) fn link(function: Function, brand: Brand) -> Link {
    let until = Some(Timestamp(NOW.0 + 1));
    Link { person: ME, function, vehicle: MY_CAR, brand, region: home(), from: NOW, until, categories: None }
}

/// All that the cell could want is given; `None` where nobody can be asked about a resource.
pub(crate) fn base(tables: &Tables, action: Action, column: Column, brand: Brand) -> Case {
    let cell = tables.cells[&(action, column)];
    let all = tables.brands[&action.resource()] == "fourteen";
    let brands = if all { Brands::ALL } else { brand.into() };
    let principal = match column {
        Column::Function(function) => {
            let mut person = person(vec![assignment(function, brands)]);
            if function.has_links() {
                person.links = [link(function, brand)].into_iter().collect();
            }
            Principal::Person(person)
        }
        Column::Service => Principal::Service(Service {
            id: MY_SERVICE,
            region: home(),
            enabled: true,
            brands,
            profiles: Profile::ALL.into(),
        }),
        Column::Car => Principal::Car { vehicle: MY_CAR, region: home() },
    };
    let resource = Resource { region: home(), what: what(action.resource(), column, cell, brand) };
    let purpose = tables.purposes[&column].first().copied();
    Case { principal, action, resource, context: context(purpose) }
}

fn what(kind: ResourceKind, column: Column, cell: Cell, brand: Brand) -> What {
    let of_car = |part| What::OfVehicle { vehicle: MY_CAR, brand, part };
    let of_brands = |thing| What::OfBrands { brands: brand.into(), thing };
    let mine = |thing| What::OfPerson { owner: ME, thing };
    match kind {
        // What is asked for a brand is asked with each linked car instead.
        ResourceKind::Tenant if cell.scope != Scope::Linked => What::Tenant { brand },
        ResourceKind::Tenant | ResourceKind::Vehicle => of_car(VehiclePart::Vehicle),
        ResourceKind::DriverLink => {
            let own = column == Column::Function(Function::Driver);
            of_car(VehiclePart::DriverLink { driver: Some(if own { ME } else { OTHER }) })
        }
        ResourceKind::AccessGrant => {
            let own = column == Column::Function(Function::Dealer);
            let dealership = if own { MY_DEALERSHIP } else { OTHER_DEALERSHIP };
            of_car(VehiclePart::AccessGrant { dealership })
        }
        ResourceKind::Campaign => of_brands(BrandsThing::Campaign),
        ResourceKind::Assignment => of_brands(BrandsThing::Assignment),
        ResourceKind::Person => of_brands(BrandsThing::Person),
        ResourceKind::Organisation => of_brands(BrandsThing::Organisation),
        ResourceKind::Service => of_brands(BrandsThing::Service { service: MY_SERVICE }),
        ResourceKind::Customer => of_brands(BrandsThing::Customer),
        ResourceKind::Group => What::Group,
        ResourceKind::Region => What::Region,
        ResourceKind::Account => mine(PersonThing::Account),
        ResourceKind::Session => mine(PersonThing::Session),
        ResourceKind::Notice => mine(PersonThing::Notice),
        ResourceKind::Car => What::Car { vehicle: MY_CAR },
    }
}

/// The car that a case is about, of this brand.
pub(crate) fn my_car(brand: Brand) -> Resource {
    let what = What::OfVehicle { vehicle: MY_CAR, brand, part: VehiclePart::Vehicle };
    Resource { region: home(), what }
}

impl Case {
    pub(crate) fn decide(&self, policies: &Policies) -> Decision {
        policies.decide(&self.principal, self.action, &self.resource, &self.context)
    }

    pub(crate) fn person(mut self, change: impl FnOnce(&mut Person)) -> Self {
        if let Principal::Person(person) = &mut self.principal {
            change(person);
        }
        self
    }

    pub(crate) fn assignment(self, change: impl FnOnce(&mut Assignment)) -> Self {
        self.person(|person| change(&mut person.assignments[0]))
    }

    pub(crate) fn link(self, change: impl FnOnce(&mut Link)) -> Self {
        self.person(|person| {
            let mut links: Vec<Link> = person.links.iter().cloned().collect();
            change(&mut links[0]);
            person.links = links.into_iter().collect();
        })
    }

    pub(crate) fn service(mut self, change: impl FnOnce(&mut Service)) -> Self {
        if let Principal::Service(service) = &mut self.principal {
            change(service);
        }
        self
    }

    pub(crate) fn context(mut self, change: impl FnOnce(&mut Context)) -> Self {
        change(&mut self.context);
        self
    }

    /// Whoever asks is of another region, as an assignment or as a service or car.
    pub(crate) fn asker_elsewhere(mut self) -> Self {
        match &mut self.principal {
            Principal::Person(person) => {
                person.region = elsewhere();
                person.assignments.iter_mut().for_each(|assignment| assignment.region = elsewhere());
            }
            Principal::Service(service) => service.region = elsewhere(),
            Principal::Car { region, .. } => *region = elsewhere(),
        }
        self
    }

    pub(crate) fn resource_elsewhere(mut self) -> Self {
        self.resource.region = elsewhere();
        self
    }

    /// The same kind of resource, but somebody else's.
    pub(crate) fn of_another(mut self) -> Self {
        match &mut self.resource.what {
            What::OfPerson { owner, .. } => *owner = OTHER,
            What::OfVehicle { part: VehiclePart::DriverLink { driver }, .. } => *driver = Some(OTHER),
            What::OfVehicle { part: VehiclePart::AccessGrant { dealership }, .. } => {
                *dealership = OTHER_DEALERSHIP;
            }
            What::OfBrands { thing: BrandsThing::Service { service }, .. } => *service = OTHER_SERVICE,
            What::Car { vehicle } => *vehicle = OTHER_CAR,
            What::OfVehicle { part: VehiclePart::Vehicle, .. }
            | What::Tenant { .. }
            | What::OfBrands { .. }
            | What::Group
            | What::Region => panic!("nobody owns {}", self.resource.kind()),
        }
        self
    }

    /// The resource is of `brand`; so is a link to it.
    pub(crate) fn of_brand(mut self, brand: Brand) -> Self {
        set_brands(&mut self.resource.what, brand.into());
        let linked = self.resource.vehicle().is_some();
        self.person(|person| {
            let links: Vec<Link> = person.links.iter().cloned().collect();
            let moved = links.into_iter().map(|link| if linked { Link { brand, ..link } } else { link });
            person.links = moved.collect();
        })
    }

    pub(crate) fn of_brands(mut self, brands: Brands) -> Self {
        set_brands(&mut self.resource.what, brands);
        self
    }

    pub(crate) fn linked_elsewhere(self) -> Self {
        self.link(|link| link.vehicle = OTHER_CAR)
    }

    /// The scope of whoever asks lacks one brand of fourteen.
    pub(crate) fn thirteen(self, lacking: Brand) -> Self {
        let brands = Brands::new(Brand::ALL.into_iter().filter(|brand| *brand != lacking)).unwrap();
        self.assignment(|assignment| assignment.brands = brands).service(|service| service.brands = brands)
    }
}

fn set_brands(what: &mut What, to: Brands) {
    match what {
        What::OfVehicle { brand, .. } | What::Tenant { brand } => *brand = to.iter().next().unwrap(),
        What::OfBrands { brands, .. } => *brands = to,
        What::Group | What::Region | What::OfPerson { .. } | What::Car { .. } => {
            panic!("{what:?} has no brands to set")
        }
    }
}
