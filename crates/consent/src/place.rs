//! Jurisdictions and what each asks for when nobody has said anything.

use std::{fmt, str::FromStr};

use model::DataCategory;

use crate::{DenyReason, Error};

macro_rules! jurisdictions {
    ($($(#[$doc:meta])* $variant:ident $code:literal $slug:literal),+ $(,)?) => {
        /// Whose law decides what may be done without asking, and what stays in the car.
        ///
        /// A car has the jurisdiction of its home region; it comes with the consent document.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Jurisdiction { $($(#[$doc])* $variant),+ }

        impl Jurisdiction {
            pub const ALL: [Self; 5] = [$(Self::$variant),+];

            pub const fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),+ }
            }

            /// The number that stands for it on the wire. Never renumbered.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

jurisdictions! {
    /// Where no other is known: as strict as the strictest.
    #[default]
    Default 1 "default",
    /// The European Union: GDPR, ePrivacy Directive, Data Act.
    Eu 2 "eu",
    /// The United Kingdom: UK GDPR, Data Protection Act 2018.
    Uk 3 "uk",
    /// California: CCPA as amended by the CPRA.
    UsCa 4 "us-ca",
    /// China: PIPL and the provisions on automotive data of 2021, which want data kept in the car.
    Cn 5 "cn",
}

impl Jurisdiction {
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|jurisdiction| jurisdiction.code() == code)
    }

    /// Why a category does not go up where nothing was granted.
    ///
    /// Marque asks for a grant everywhere, also where the law would let a maker collect until
    /// somebody objects; what differs is the reason that people are given.
    pub(crate) const fn without_grant(self, category: DataCategory) -> DenyReason {
        if matches!(category, DataCategory::Location) {
            return DenyReason::LocationOff;
        }
        match self {
            Self::Cn if matches!(category, DataCategory::Cabin | DataCategory::Identity) => {
                DenyReason::StaysInTheCar
            }
            Self::Default | Self::Eu | Self::Uk | Self::UsCa | Self::Cn => DenyReason::NoGrant,
        }
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Jurisdiction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|jurisdiction| jurisdiction.slug() == text).ok_or(Error::Jurisdiction)
    }
}
