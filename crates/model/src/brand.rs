//! The group's brands.

use std::{fmt, str::FromStr};

use crate::ParseError;

macro_rules! brands {
    ($($variant:ident $slug:literal $name:literal),+ $(,)?) => {
        /// A brand of the group. It is a prefix in storage, a policy tenant and a field in the log.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Brand { $($variant),+ }

        impl Brand {
            /// In alphabetical order.
            pub const ALL: [Self; 14] = [$(Self::$variant),+];

            /// How paths, columns and URLs spell it.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }

            /// How people read it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

brands! {
    Abarth "abarth" "Abarth",
    AlfaRomeo "alfa-romeo" "Alfa Romeo",
    Chrysler "chrysler" "Chrysler",
    Citroen "citroen" "Citroën",
    Dodge "dodge" "Dodge",
    Ds "ds" "DS Automobiles",
    Fiat "fiat" "Fiat",
    Jeep "jeep" "Jeep",
    Lancia "lancia" "Lancia",
    Maserati "maserati" "Maserati",
    Opel "opel" "Opel",
    Peugeot "peugeot" "Peugeot",
    Ram "ram" "Ram",
    Vauxhall "vauxhall" "Vauxhall",
}

impl Brand {
    /// The byte that stands for the brand in log and snapshot. Never renumbered.
    pub const fn code(self) -> u8 {
        match self {
            Self::Abarth => 1,
            Self::AlfaRomeo => 2,
            Self::Chrysler => 3,
            Self::Citroen => 4,
            Self::Dodge => 5,
            Self::Ds => 6,
            Self::Fiat => 7,
            Self::Jeep => 8,
            Self::Lancia => 9,
            Self::Maserati => 10,
            Self::Opel => 11,
            Self::Peugeot => 12,
            Self::Ram => 13,
            Self::Vauxhall => 14,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|brand| brand.code() == code)
    }
}

impl fmt::Display for Brand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Brand {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|brand| brand.slug() == text).ok_or(ParseError::Brand)
    }
}
