//! Codes that a car shows to whoever sits in it: proof of possession.
//!
//! The car draws a code, shows it and sends its hash. Whoever gives the code back saw the screen. Car and platform
//! share this crate, and nothing else of who may do what.
//!
//! Invariants, as absences: it draws no randomness, reads no clock, and no code is printed but for the screen.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use model::{Micros, Region};

/// How long a code lasts at most.
pub const LIFETIME_MAX: Micros = Micros(10 * Micros::MINUTE.0);

/// 32 characters, so that five random bits are one; without I, O, 0 and 1, which people mistake.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const LENGTH: usize = 8;

/// What a code will do, as the car's screen says; a code for one does not count for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodeKind {
    Owner,
    Driver,
    Workshop,
}

impl CodeKind {
    pub const ALL: [Self; 3] = [Self::Owner, Self::Driver, Self::Workshop];

    /// How the store and the API spell it.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Driver => "driver",
            Self::Workshop => "workshop",
        }
    }

    /// Stands in the hash, so it never changes.
    const fn number(self) -> u8 {
        match self {
            Self::Owner => 0,
            Self::Driver => 1,
            Self::Workshop => 2,
        }
    }
}

impl FromStr for CodeKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text).ok_or(Error::Kind)
    }
}

/// What is no code, or no kind of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("unknown kind of code; the kinds are {}", CodeKind::ALL.map(CodeKind::slug).join(", "))]
    Kind,
    #[error("a code has 8 characters, as the car's screen shows them")]
    Code,
}

/// A code as a person reads it: 8 characters, 40 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Code([u8; LENGTH]);

/// Goes into the hash, so that one table of all codes does not fit all. A car and its platform share it
/// for the region: a code is looked up by its hash alone, without naming a car.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

impl Salt {
    /// The one of all cars and the platform of a region.
    pub fn of_region(region: &Region) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"marque possession code salt");
        context.update(region.as_str().as_bytes());
        let mut salt = [0; 16];
        salt.copy_from_slice(context.finish().as_ref().get(..16).expect("SHA-256 has 32 bytes"));
        Self(salt)
    }
}

/// SHA-256 over salt, kind and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeHash(pub [u8; 32]);

impl Code {
    /// Takes 40 random bits, drawn by the caller.
    pub fn from_random(bytes: [u8; 5]) -> Self {
        let bits = bytes.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let character = |place: usize| {
            let index = bits >> (5 * (LENGTH - 1 - place)) & 31;
            ALPHABET[usize::try_from(index).expect("five bits")]
        };
        Self(std::array::from_fn(character))
    }

    pub fn hash(&self, salt: Salt, kind: CodeKind) -> CodeHash {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"marque possession code");
        context.update(&salt.0);
        context.update(&[kind.number()]);
        context.update(&self.0);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        CodeHash(hash)
    }
}

/// For the car's screen: `ABCD-EFGH`.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if place == LENGTH / 2 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*byte))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// As people type: small letters, spaces and hyphens are taken.
impl FromStr for Code {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut code = [0; LENGTH];
        let mut places = code.iter_mut();
        for byte in text.bytes().filter(|byte| !b" -".contains(byte)) {
            let byte = byte.to_ascii_uppercase();
            let place = places.next().filter(|_| ALPHABET.contains(&byte)).ok_or(Error::Code)?;
            *place = byte;
        }
        if places.next().is_some() { Err(Error::Code) } else { Ok(Self(code)) }
    }
}

#[cfg(test)]
mod tests;
