//! The vehicle identification number. It stands in the registry and nowhere else.

use std::{fmt, str::FromStr};

use crate::ParseError;

/// A VIN by ISO 3779: 17 characters of `A-Z` and `0-9` without `I`, `O` and `Q`.
///
/// It has no `Display`, and `Debug` hides it: only [`Vin::reveal`] gives the text, so that each
/// use can be found.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Vin([u8; 17]);

impl Vin {
    /// The text, for the registry.
    pub fn reveal(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a VIN is ASCII by construction")
    }
}

impl fmt::Debug for Vin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vin(..)")
    }
}

impl FromStr for Vin {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bytes: [u8; 17] = text.as_bytes().try_into().map_err(|_| ParseError::Vin)?;
        let allowed = |b: &u8| b.is_ascii_digit() || (b.is_ascii_uppercase() && !b"IOQ".contains(b));
        if bytes.iter().all(allowed) { Ok(Self(bytes)) } else { Err(ParseError::Vin) }
    }
}
