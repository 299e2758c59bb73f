//! Codes that a car shows to whoever sits in it: proof of possession.
//!
//! The car draws a code, shows it and sends its hash. Whoever gives the code back saw the screen.

use std::{fmt, str::FromStr};

use aws_lc_rs::{constant_time, digest};
use model::{Micros, Region, Timestamp, VehicleId};

use crate::{Error, words::words};

/// How long a code lasts at most.
pub const LIFETIME_MAX: Micros = Micros(10 * Micros::MINUTE.0);
/// A code ends with this many wrong tries.
pub const WRONG_TRIES_MAX: u8 = 5;

/// 32 characters, so that five random bits are one; without I, O, 0 and 1, which people mistake.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const LENGTH: usize = 8;

words! {
    /// What a code will do, as the car's screen says; a code for one does not count for another.
    CodeKind, 3, CodeKind:
    Owner "owner",
    Driver "driver",
    Workshop "workshop",
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

/// A code that a car shows now, as the platform keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCode {
    vehicle: VehicleId,
    kind: CodeKind,
    hash: CodeHash,
    shown: Timestamp,
    until: Timestamp,
    wrong_tries: u8,
    used: bool,
}

/// Why a code does not count. To whoever gave it all are the same: wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodeRefusal {
    Wrong,
    /// Not shown any more, or not yet.
    Expired,
    Used,
    /// Too many wrong tries; the car must show a new one.
    Exhausted,
}

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
        context.update(&[u8::try_from(kind.index()).expect("few kinds")]);
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

impl ShownCode {
    /// What a car announced at `now`; it never lasts longer than [`LIFETIME_MAX`].
    pub fn new(vehicle: VehicleId, kind: CodeKind, hash: CodeHash, until: Timestamp, now: Timestamp) -> Self {
        let until = until.min(now + LIFETIME_MAX);
        Self { vehicle, kind, hash, shown: now, until, wrong_tries: 0, used: false }
    }

    pub const fn vehicle(&self) -> VehicleId {
        self.vehicle
    }

    pub const fn kind(&self) -> CodeKind {
        self.kind
    }

    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// Uses the code up. A wrong hash, or the right code for another purpose, counts as a wrong try.
    ///
    /// The caller stores the changed state before it acts on the answer.
    pub fn redeem(&mut self, given: CodeHash, kind: CodeKind, now: Timestamp) -> Result<(), CodeRefusal> {
        if self.used {
            return Err(CodeRefusal::Used);
        }
        if self.wrong_tries >= WRONG_TRIES_MAX {
            return Err(CodeRefusal::Exhausted);
        }
        if now < self.shown || now >= self.until {
            return Err(CodeRefusal::Expired);
        }
        let equal = constant_time::verify_slices_are_equal(&self.hash.0, &given.0).is_ok();
        if !equal || kind != self.kind {
            self.wrong_tries += 1;
            return Err(CodeRefusal::Wrong);
        }
        self.used = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
