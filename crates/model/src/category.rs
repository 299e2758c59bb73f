//! Categories of vehicle data, as consent and storage tell them apart.

use std::{fmt, str::FromStr};

use crate::ParseError;

macro_rules! categories {
    ($($(#[$doc:meta])* $variant:ident $code:literal $slug:literal),+ $(,)?) => {
        /// What a signal says something about. Every leaf of a catalogue has exactly one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DataCategory { $($(#[$doc])* $variant),+ }

        impl DataCategory {
            pub const ALL: [Self; 11] = [$(Self::$variant),+];

            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }

            /// The number that stands for the category on the wire. Never renumbered.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

categories! {
    /// Where the car is or was, and what reveals it (heading, altitude, navigation).
    Location 1 "location",
    /// How it is driven: speed, pedals, steering, accelerations.
    Driving 2 "driving",
    /// Traction battery, charging and range.
    Charging 3 "charging",
    /// Faults, service, fluids, engine and component health.
    Diagnostics 4 "diagnostics",
    /// Doors, windows, lights, wipers, locks.
    Body 5 "body",
    /// Seats, air conditioning and what the cabin's sensors see.
    Cabin 6 "cabin",
    /// What is listened to and watched.
    Media 7 "media",
    /// Who is in the car: driver, occupants, their state.
    Identity 8 "identity",
    /// Assistance systems and what they perceive.
    Assistance 9 "assistance",
    /// What the car is: dimensions, equipment, software.
    Equipment 10 "equipment",
    /// Tyres: pressures, temperatures.
    Tyres 11 "tyres",
}

impl DataCategory {
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.code() == code)
    }
}

impl fmt::Display for DataCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for DataCategory {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|category| category.slug() == text).ok_or(ParseError::Category)
    }
}
