//! Sets of brands.

use std::fmt;

use model::Brand;

use crate::Error;

/// One brand or more. An empty set cannot be made: "all of none" would be true of everybody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Brands(u16);

impl Brands {
    pub const ALL: Self = Self((1 << Brand::ALL.len()) - 1);

    /// Fails when there is none.
    pub fn new(brands: impl IntoIterator<Item = Brand>) -> Result<Self, Error> {
        let bits = brands.into_iter().fold(0, |bits, brand| bits | bit(brand));
        if bits == 0 { Err(Error::NoBrand) } else { Ok(Self(bits)) }
    }

    pub fn contains(self, brand: Brand) -> bool {
        self.0 & bit(brand) != 0
    }

    pub const fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Those that both have; `None` when they share none.
    pub fn and(self, other: Self) -> Option<Self> {
        Self::new(self.iter().filter(|brand| other.contains(*brand))).ok()
    }

    /// As lists are asked for: nothing to look at where all are wanted.
    pub fn filter(self) -> Option<Vec<Brand>> {
        (self != Self::ALL).then(|| self.iter().collect())
    }

    /// In alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = Brand> {
        Brand::ALL.into_iter().filter(move |brand| self.contains(*brand))
    }
}

impl From<Brand> for Brands {
    fn from(brand: Brand) -> Self {
        Self(bit(brand))
    }
}

impl fmt::Debug for Brands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Brand::slug)).finish()
    }
}

const fn bit(brand: Brand) -> u16 {
    1 << brand as u16
}
