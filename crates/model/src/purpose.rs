//! Purposes: what vehicle data is processed for.

use std::{fmt, str::FromStr};

use crate::ParseError;

macro_rules! purposes {
    ($($(#[$doc:meta])* $variant:ident $code:literal $slug:literal),+ $(,)?) => {
        /// What data is processed for. A campaign has one, a grant names one, and so does every read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Purpose { $($(#[$doc])* $variant),+ }

        impl Purpose {
            pub const ALL: [Self; 6] = [$(Self::$variant),+];

            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }

            /// The number that stands for the purpose on the wire. Never renumbered.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

purposes! {
    /// Running the connection itself: is the car there, does its software report.
    Operation 1 "operation",
    /// What the owner uses: the app, the portal, services that were ordered.
    ConnectedServices 2 "connected-services",
    /// Whoever runs several cars looks after them.
    FleetManagement 3 "fleet-management",
    /// Finding faults and wear before they stop the car.
    Maintenance 4 "maintenance",
    /// Learning from cars in use to build better ones.
    ProductImprovement 5 "product-improvement",
    /// Protecting people from harm: recalls, dangerous states.
    Safety 6 "safety",
}

impl Purpose {
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }

    /// Its place in [`Purpose::ALL`], for dense tables.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Purpose {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|purpose| purpose.slug() == text).ok_or(ParseError::Purpose)
    }
}
