//! Functions: what a person does here; realms: which functions may meet in one account.

use crate::words::words;

words! {
    /// What a person does here. Policies give rights to functions, never to people.
    Function, 10, Function:
    /// Runs the fleet.
    Operations "operations",
    /// Rolls out software.
    Updates "updates",
    /// Guards identities.
    Security "security",
    /// Answers for people's data.
    Privacy "privacy",
    /// Helps whoever calls.
    Support "support",
    /// Gives people their accounts and functions.
    Administrator "administrator",
    /// Repairs cars that it was given access to.
    Dealer "dealer",
    /// Looks after the cars that owners have put into its fleet.
    FleetCustomer "fleet-customer",
    /// Decides about the own car.
    Owner "owner",
    /// Uses a car by invitation.
    Driver "driver",
}

words! {
    /// Who an account belongs to. An account has one: whoever works here and drives one of the cars
    /// has two accounts, so that "my car" and "all cars of the brand" never meet.
    Realm, 3, Realm:
    Staff "staff",
    Partner "partner",
    Customer "customer",
}

words! {
    /// What a service is for; it narrows what services may do.
    Profile, 4, Profile:
    /// Registers new cars and draws their credentials.
    Factory "factory",
    /// Reads what the platform counts.
    Monitoring "monitoring",
    /// Keeps checkpoints of the audit's log.
    Witness "witness",
    /// Enrols simulated cars, on a platform that was started for them.
    Simulation "simulation",
}

impl Function {
    pub const fn realm(self) -> Realm {
        match self {
            Self::Operations
            | Self::Updates
            | Self::Security
            | Self::Privacy
            | Self::Support
            | Self::Administrator => Realm::Staff,
            // A company's people, whom administrators give accounts.
            Self::Dealer | Self::FleetCustomer => Realm::Partner,
            Self::Owner | Self::Driver => Realm::Customer,
        }
    }

    /// Whether links of this function exist: it reaches single cars, not all of a brand.
    pub const fn has_links(self) -> bool {
        match self {
            Self::Dealer | Self::FleetCustomer | Self::Owner | Self::Driver => true,
            Self::Operations
            | Self::Updates
            | Self::Security
            | Self::Privacy
            | Self::Support
            | Self::Administrator => false,
        }
    }
}
