//! Questions to ask: the base case of each cell, and what changes it.

use model::{Brand, OrganisationId, PersonId, Purpose, Region, ServiceId, Timestamp, VehicleId};

use super::tables::{Cell, Column, Scope, Tables};
use crate::{
    Action, Assignment, Brands, Condition, Context, Function, Link, Links, Person, Principal, Profile,
    Resource, ResourceKind, Service,
};

pub(super) const NOW: Timestamp = Timestamp(1_000_000);
pub(super) const ME: PersonId = PersonId::from_bytes([1; 16]);
const OTHER: PersonId = PersonId::from_bytes([2; 16]);
pub(super) const MY_CAR: VehicleId = VehicleId::from_bytes([3; 16]);
const OTHER_CAR: VehicleId = VehicleId::from_bytes([4; 16]);
const MY_SERVICE: ServiceId = ServiceId::from_bytes([5; 16]);
const OTHER_SERVICE: ServiceId = ServiceId::from_bytes([6; 16]);
const MY_DEALERSHIP: OrganisationId = OrganisationId::from_bytes([7; 16]);
const OTHER_DEALERSHIP: OrganisationId = OrganisationId::from_bytes([8; 16]);

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) principal: Principal,
    pub(super) action: Action,
    pub(super) resource: Resource,
    pub(super) context: Context,
}

pub(super) fn home() -> Region {
    "eu".parse().unwrap()
}

pub(super) fn elsewhere() -> Region {
    "us".parse().unwrap()
}

pub(super) fn person(assignments: Vec<Assignment>) -> Person {
    Person {
        id: ME,
        region: home(),
        enabled: true,
        assignments,
        links: Links::default(),
        dealership: Some(MY_DEALERSHIP),
    }
}

pub(super) fn assignment(function: Function, brands: Brands) -> Assignment {
    Assignment { function, brands, region: home(), from: NOW, until: Some(Timestamp(NOW.0 + 1)) }
}

pub(super) fn context(purpose: Option<Purpose>) -> Context {
    let facts = Condition::ALL.into_iter().collect();
    Context { region: home(), now: NOW, stepped_up: true, purpose, facts }
}

fn link(function: Function, brand: Brand) -> Link {
    let until = Some(Timestamp(NOW.0 + 1));
    Link { person: ME, function, vehicle: MY_CAR, brand, region: home(), from: NOW, until }
}

/// All that the cell could want is given; `None` where nobody can be asked about a resource.
pub(super) fn base(tables: &Tables, action: Action, column: Column, brand: Brand) -> Case {
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
    let resource = resource(action.resource(), column, cell, brand);
    let purpose = tables.purposes[&column].first().copied();
    Case { principal, action, resource, context: context(purpose) }
}

fn resource(kind: ResourceKind, column: Column, cell: Cell, brand: Brand) -> Resource {
    let (region, brands, vehicle) = (home(), Brands::from(brand), MY_CAR);
    match kind {
        // What is asked for a brand is asked with each linked car instead.
        ResourceKind::Tenant if cell.scope != Scope::Linked => Resource::Tenant { brand, region },
        ResourceKind::Tenant | ResourceKind::Vehicle => Resource::Vehicle { vehicle, brand, region },
        ResourceKind::DriverLink => {
            let own = column == Column::Function(Function::Driver);
            Resource::DriverLink { vehicle, brand, region, driver: Some(if own { ME } else { OTHER }) }
        }
        ResourceKind::AccessGrant => {
            let own = column == Column::Function(Function::Dealer);
            let dealership = if own { MY_DEALERSHIP } else { OTHER_DEALERSHIP };
            Resource::AccessGrant { vehicle, brand, region, dealership }
        }
        ResourceKind::Campaign => Resource::Campaign { brands, region },
        ResourceKind::Assignment => Resource::Assignment { brands, region },
        ResourceKind::Person => Resource::Person { brands, region },
        ResourceKind::Organisation => Resource::Organisation { brands, region },
        ResourceKind::Service => Resource::Service { service: MY_SERVICE, brands, region },
        ResourceKind::Customer => Resource::Customer { brands, region },
        ResourceKind::Group => Resource::Group { region },
        ResourceKind::Region => Resource::Region { region },
        ResourceKind::Account => Resource::Account { owner: ME, region },
        ResourceKind::Session => Resource::Session { owner: ME, region },
        ResourceKind::Notice => Resource::Notice { owner: ME, region },
        ResourceKind::Car => Resource::Car { vehicle, region },
    }
}

impl Case {
    pub(super) fn person(mut self, change: impl FnOnce(&mut Person)) -> Self {
        if let Principal::Person(person) = &mut self.principal {
            change(person);
        }
        self
    }

    pub(super) fn assignment(self, change: impl FnOnce(&mut Assignment)) -> Self {
        self.person(|person| change(&mut person.assignments[0]))
    }

    pub(super) fn link(self, change: impl FnOnce(&mut Link)) -> Self {
        self.person(|person| {
            let mut links: Vec<Link> = person.links.iter().cloned().collect();
            change(&mut links[0]);
            person.links = links.into_iter().collect();
        })
    }

    pub(super) fn service(mut self, change: impl FnOnce(&mut Service)) -> Self {
        if let Principal::Service(service) = &mut self.principal {
            change(service);
        }
        self
    }

    pub(super) fn context(mut self, change: impl FnOnce(&mut Context)) -> Self {
        change(&mut self.context);
        self
    }

    /// Whoever asks is of another region, as an assignment or as a service or car.
    pub(super) fn asker_elsewhere(mut self) -> Self {
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

    pub(super) fn resource_elsewhere(mut self) -> Self {
        *region_of(&mut self.resource) = elsewhere();
        self
    }

    /// The same kind of resource, but somebody else's.
    pub(super) fn of_another(mut self) -> Self {
        match &mut self.resource {
            Resource::Account { owner, .. }
            | Resource::Session { owner, .. }
            | Resource::Notice { owner, .. } => {
                *owner = OTHER;
            }
            Resource::DriverLink { driver, .. } => *driver = Some(OTHER),
            Resource::AccessGrant { dealership, .. } => *dealership = OTHER_DEALERSHIP,
            Resource::Service { service, .. } => *service = OTHER_SERVICE,
            Resource::Car { vehicle, .. } => *vehicle = OTHER_CAR,
            Resource::Vehicle { .. }
            | Resource::Tenant { .. }
            | Resource::Campaign { .. }
            | Resource::Assignment { .. }
            | Resource::Person { .. }
            | Resource::Organisation { .. }
            | Resource::Customer { .. }
            | Resource::Group { .. }
            | Resource::Region { .. } => panic!("nobody owns {}", self.resource.kind()),
        }
        self
    }

    /// The resource is of `brand`; so is a link to it.
    pub(super) fn of_brand(mut self, brand: Brand) -> Self {
        set_brands(&mut self.resource, brand.into());
        let linked = self.resource.vehicle().is_some();
        self.person(|person| {
            let links: Vec<Link> = person.links.iter().cloned().collect();
            let moved = links.into_iter().map(|link| if linked { Link { brand, ..link } } else { link });
            person.links = moved.collect();
        })
    }

    pub(super) fn of_brands(mut self, brands: Brands) -> Self {
        set_brands(&mut self.resource, brands);
        self
    }

    pub(super) fn linked_elsewhere(self) -> Self {
        self.link(|link| link.vehicle = OTHER_CAR)
    }

    /// The scope of whoever asks lacks one brand of fourteen.
    pub(super) fn thirteen(self, lacking: Brand) -> Self {
        let brands = Brands::new(Brand::ALL.into_iter().filter(|brand| *brand != lacking)).unwrap();
        self.assignment(|assignment| assignment.brands = brands).service(|service| service.brands = brands)
    }
}

fn set_brands(resource: &mut Resource, to: Brands) {
    match resource {
        Resource::Vehicle { brand, .. }
        | Resource::DriverLink { brand, .. }
        | Resource::AccessGrant { brand, .. }
        | Resource::Tenant { brand, .. } => *brand = to.iter().next().unwrap(),
        Resource::Campaign { brands, .. }
        | Resource::Assignment { brands, .. }
        | Resource::Person { brands, .. }
        | Resource::Organisation { brands, .. }
        | Resource::Service { brands, .. }
        | Resource::Customer { brands, .. } => *brands = to,
        Resource::Group { .. }
        | Resource::Region { .. }
        | Resource::Account { .. }
        | Resource::Session { .. }
        | Resource::Notice { .. }
        | Resource::Car { .. } => panic!("{} has no brands to set", resource.kind()),
    }
}

fn region_of(resource: &mut Resource) -> &mut Region {
    match resource {
        Resource::Vehicle { region, .. }
        | Resource::DriverLink { region, .. }
        | Resource::AccessGrant { region, .. }
        | Resource::Tenant { region, .. }
        | Resource::Campaign { region, .. }
        | Resource::Assignment { region, .. }
        | Resource::Person { region, .. }
        | Resource::Organisation { region, .. }
        | Resource::Service { region, .. }
        | Resource::Customer { region, .. }
        | Resource::Group { region }
        | Resource::Region { region }
        | Resource::Account { region, .. }
        | Resource::Session { region, .. }
        | Resource::Notice { region, .. }
        | Resource::Car { region, .. } => region,
    }
}
