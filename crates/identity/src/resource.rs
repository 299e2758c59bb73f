//! What is asked about.

use model::{Brand, OrganisationId, PersonId, Region, ServiceId, VehicleId};

use crate::{Brands, Error, function::words};

use std::{fmt, str::FromStr};

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
pub enum Resource {
    /// A car: its brand and its home region.
    Vehicle { vehicle: VehicleId, brand: Brand, region: Region },
    /// A driver's link to a car, or the invitation; brand and region of the car.
    DriverLink { vehicle: VehicleId, brand: Brand, region: Region, driver: Option<PersonId> },
    /// A dealership's access to a car; brand and region of the car.
    AccessGrant { vehicle: VehicleId, brand: Brand, region: Region, dealership: OrganisationId },
    /// One brand in one region. Asked for each brand that a request is about.
    Tenant { brand: Brand, region: Region },
    /// The brands that a campaign names.
    Campaign { brands: Brands, region: Region },
    /// The brands of a role assignment.
    Assignment { brands: Brands, region: Region },
    /// The brands that a staff or partner account was created for and those of its assignments.
    Person { brands: Brands, region: Region },
    /// The brands of a fleet or a dealership.
    Organisation { brands: Brands, region: Region },
    /// The brands of a service; for its own acts the service itself.
    Service { service: ServiceId, brands: Brands, region: Region },
    /// The brands of the cars that a customer is linked to; without a car all fourteen.
    Customer { brands: Brands, region: Region },
    /// What belongs to all brands of a region at once.
    Group { region: Region },
    /// What a region has and no brand owns.
    Region { region: Region },
    /// An account, asked about by its own person.
    Account { owner: PersonId, region: Region },
    /// A session of an account.
    Session { owner: PersonId, region: Region },
    /// A notice to an account.
    Notice { owner: PersonId, region: Region },
    /// A car, as its certificate or its enrolment credential names it.
    Car { vehicle: VehicleId, region: Region },
}

impl Resource {
    pub const fn kind(&self) -> ResourceKind {
        match self {
            Self::Vehicle { .. } => ResourceKind::Vehicle,
            Self::DriverLink { .. } => ResourceKind::DriverLink,
            Self::AccessGrant { .. } => ResourceKind::AccessGrant,
            Self::Tenant { .. } => ResourceKind::Tenant,
            Self::Campaign { .. } => ResourceKind::Campaign,
            Self::Assignment { .. } => ResourceKind::Assignment,
            Self::Person { .. } => ResourceKind::Person,
            Self::Organisation { .. } => ResourceKind::Organisation,
            Self::Service { .. } => ResourceKind::Service,
            Self::Customer { .. } => ResourceKind::Customer,
            Self::Group { .. } => ResourceKind::Group,
            Self::Region { .. } => ResourceKind::Region,
            Self::Account { .. } => ResourceKind::Account,
            Self::Session { .. } => ResourceKind::Session,
            Self::Notice { .. } => ResourceKind::Notice,
            Self::Car { .. } => ResourceKind::Car,
        }
    }

    pub const fn region(&self) -> &Region {
        match self {
            Self::Vehicle { region, .. }
            | Self::DriverLink { region, .. }
            | Self::AccessGrant { region, .. }
            | Self::Tenant { region, .. }
            | Self::Campaign { region, .. }
            | Self::Assignment { region, .. }
            | Self::Person { region, .. }
            | Self::Organisation { region, .. }
            | Self::Service { region, .. }
            | Self::Customer { region, .. }
            | Self::Group { region }
            | Self::Region { region }
            | Self::Account { region, .. }
            | Self::Session { region, .. }
            | Self::Notice { region, .. }
            | Self::Car { region, .. } => region,
        }
    }

    /// The brands that a scope must hold; none where brands do not count.
    pub fn brands(&self) -> Option<Brands> {
        match self {
            Self::Vehicle { brand, .. }
            | Self::DriverLink { brand, .. }
            | Self::AccessGrant { brand, .. }
            | Self::Tenant { brand, .. } => Some((*brand).into()),
            Self::Campaign { brands, .. }
            | Self::Assignment { brands, .. }
            | Self::Person { brands, .. }
            | Self::Organisation { brands, .. }
            | Self::Service { brands, .. }
            | Self::Customer { brands, .. } => Some(*brands),
            Self::Group { .. } => Some(Brands::ALL),
            Self::Region { .. }
            | Self::Account { .. }
            | Self::Session { .. }
            | Self::Notice { .. }
            | Self::Car { .. } => None,
        }
    }

    /// The car that a link must lead to.
    pub const fn vehicle(&self) -> Option<VehicleId> {
        match self {
            Self::Vehicle { vehicle, .. }
            | Self::DriverLink { vehicle, .. }
            | Self::AccessGrant { vehicle, .. }
            | Self::Car { vehicle, .. } => Some(*vehicle),
            Self::Tenant { .. }
            | Self::Campaign { .. }
            | Self::Assignment { .. }
            | Self::Person { .. }
            | Self::Organisation { .. }
            | Self::Service { .. }
            | Self::Customer { .. }
            | Self::Group { .. }
            | Self::Region { .. }
            | Self::Account { .. }
            | Self::Session { .. }
            | Self::Notice { .. } => None,
        }
    }
}
