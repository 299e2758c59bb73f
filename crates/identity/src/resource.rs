//! What is asked about.

use model::{Brand, OrganisationId, PersonId, Region, ServiceId, VehicleId};

use crate::{Brands, words::words};

words! {
    /// The kinds of resources. How the brands of each count stands in `docs/authorisation.md`.
    ResourceKind, 16, ResourceKind:
    Vehicle "vehicle",
    DriverLink "driver-link",
    AccessGrant "access-grant",
    Tenant "tenant",
    Campaign "campaign",
    Assignment "assignment",
    Person "person",
    Organisation "organisation",
    Service "service",
    Customer "customer",
    Group "group",
    Region "region",
    Account "account",
    Session "session",
    Notice "notice",
    Car "car",
}

/// What is asked about, with all that a decision needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub region: Region,
    pub what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Of one car, whose brand counts. The region is its home region.
    OfVehicle { vehicle: VehicleId, brand: Brand, part: VehiclePart },
    /// One brand in one region. Asked for each brand that a request is about.
    Tenant { brand: Brand },
    /// Of brands, all of which count.
    OfBrands { brands: Brands, thing: BrandsThing },
    /// What belongs to all brands of a region at once.
    Group,
    /// What a region has and no brand owns.
    Region,
    /// One's own, asked about by the owner.
    OfPerson { owner: PersonId, thing: PersonThing },
    /// A car, as its certificate or its enrolment credential names it.
    Car { vehicle: VehicleId },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VehiclePart {
    /// The car itself.
    Vehicle,
    /// A driver's link to it, or the invitation.
    DriverLink { driver: Option<PersonId> },
    /// A dealership's access to it.
    AccessGrant { dealership: OrganisationId },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrandsThing {
    /// The brands that it names.
    Campaign,
    /// The brands of a role assignment.
    Assignment,
    /// The brands that a staff or partner account was created for and those of its assignments; with
    /// neither all fourteen.
    Person,
    /// The brands of a fleet or a dealership.
    Organisation,
    /// The brands of a service; for its own acts the service itself.
    Service { service: ServiceId },
    /// The brands of the cars that a customer is linked to; without a car all fourteen.
    Customer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PersonThing {
    Account,
    Session,
    Notice,
}

impl Resource {
    pub const fn kind(&self) -> ResourceKind {
        match self.what {
            What::OfVehicle { part, .. } => match part {
                VehiclePart::Vehicle => ResourceKind::Vehicle,
                VehiclePart::DriverLink { .. } => ResourceKind::DriverLink,
                VehiclePart::AccessGrant { .. } => ResourceKind::AccessGrant,
            },
            What::Tenant { .. } => ResourceKind::Tenant,
            What::OfBrands { thing, .. } => match thing {
                BrandsThing::Campaign => ResourceKind::Campaign,
                BrandsThing::Assignment => ResourceKind::Assignment,
                BrandsThing::Person => ResourceKind::Person,
                BrandsThing::Organisation => ResourceKind::Organisation,
                BrandsThing::Service { .. } => ResourceKind::Service,
                BrandsThing::Customer => ResourceKind::Customer,
            },
            What::Group => ResourceKind::Group,
            What::Region => ResourceKind::Region,
            What::OfPerson { thing, .. } => match thing {
                PersonThing::Account => ResourceKind::Account,
                PersonThing::Session => ResourceKind::Session,
                PersonThing::Notice => ResourceKind::Notice,
            },
            What::Car { .. } => ResourceKind::Car,
        }
    }

    /// The brands that a scope must hold; none where brands do not count.
    pub fn brands(&self) -> Option<Brands> {
        match self.what {
            What::OfVehicle { brand, .. } | What::Tenant { brand } => Some(brand.into()),
            What::OfBrands { brands, .. } => Some(brands),
            What::Group => Some(Brands::ALL),
            What::Region | What::OfPerson { .. } | What::Car { .. } => None,
        }
    }

    /// The car that a link must lead to.
    pub const fn vehicle(&self) -> Option<VehicleId> {
        match self.what {
            What::OfVehicle { vehicle, .. } | What::Car { vehicle } => Some(vehicle),
            What::Tenant { .. }
            | What::OfBrands { .. }
            | What::Group
            | What::Region
            | What::OfPerson { .. } => None,
        }
    }
}
