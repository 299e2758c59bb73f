//! Entries: who did what to what, when, what for, and whether it was allowed.

use std::{fmt, str::FromStr};

use model::{Brand, Purpose, Region, Timestamp};

use crate::{
    Error,
    opening::{Commitment, Label, Opening},
};

mod encoding;

pub use encoding::EVENT_BYTES_MAX;

/// Characters of a slug at most.
const SLUG_BYTES_MAX: usize = 64;

/// Characters of an identifier at most: a URN of a car has 70.
const WORD_BYTES_MAX: usize = 128;

/// A name from a fixed list of the caller's, such as `vehicle.history.read` or `operator`: 1 to 64
/// characters of `a-z`, `0-9`, `.`, `-` and `_`, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

impl Slug {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Slug {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let valid = (1..=SLUG_BYTES_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b));
        if valid { Ok(Self(text.to_owned())) } else { Err(Error::Slug) }
    }
}

/// Characters of a vehicle identification number (ISO 3779).
const VIN_BYTES: usize = 17;

/// An identifier that the log does not look into: 1 to 128 visible ASCII characters, and nowhere among
/// them what could be a VIN: 17 of its characters, large or small, between others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(String);

impl Word {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Word {
    /// It may name a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Word(..)")
    }
}

impl FromStr for Word {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut runs = text.as_bytes().split(|byte| !is_of_vin(*byte));
        if runs.any(|run| run.len() == VIN_BYTES) {
            return Err(Error::Vin);
        }
        let valid =
            (1..=WORD_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if valid { Ok(Self(text.to_owned())) } else { Err(Error::Word) }
    }
}

/// Digits and letters, but for I, O and Q.
fn is_of_vin(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() && !b"IOQ".contains(&byte.to_ascii_uppercase())
}

/// A value that may stand in the log for ever, or the commitment to one that may have to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    Plain(Word),
    /// Says nothing without its [`Opening`], which is kept elsewhere and can be deleted.
    Committed(Commitment),
}

impl From<&Opening> for Field {
    fn from(opening: &Opening) -> Self {
        Self::Committed(opening.commitment())
    }
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `operator`, `service`, `vehicle`, `owner`, `driver`, `application` ...
    pub kind: Slug,
    pub id: Field,
}

/// What was acted upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// `vehicle`, `campaign`, `grant`, `account` ...
    pub kind: Slug,
    pub id: Field,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It was allowed and done.
    Allowed,
    /// A policy, a grant or a limit forbade it.
    Denied,
    /// It was allowed, but broke.
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 3] = [Self::Allowed, Self::Denied, Self::Failed];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }
}

/// One entry of the log: an access to personal data, or a privileged act.
///
/// It is written as a map of deterministic CBOR with small numbers as keys; see `docs/audit.md`. One
/// event has one spelling, and a spelling that was released is read for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When the platform decided, by its clock.
    pub at: Timestamp,
    pub actor: Actor,
    /// Such as `vehicle.history.read`.
    pub action: Slug,
    pub resource: Resource,
    /// Whose data it is: the region, and the brand where it is one brand's.
    pub region: Region,
    pub brand: Option<Brand>,
    /// Stated by every read of personal data; acts of administration have none.
    pub purpose: Option<Purpose>,
    pub outcome: Outcome,
    /// Why it was denied or failed, such as `no-grant`.
    pub reason: Option<Slug>,
    /// Ties the entry to logs and traces of the request.
    pub request: Option<Word>,
    /// Where it came from, as a prefix: `192.0.2.0/24`, `2001:db8::/48`.
    pub address: Option<Field>,
}

impl Event {
    /// The bytes that go into the log; at most [`EVENT_BYTES_MAX`].
    pub fn encode(&self) -> Vec<u8> {
        encoding::encode(self)
    }

    /// Reads an entry back. Refuses bytes that [`Event::encode`] would not write.
    ///
    /// [`Error::EventVersion`] means that a newer program wrote it: its place in the log can be proven,
    /// its content cannot be read.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        encoding::decode(bytes)
    }

    /// Whether an opening tells what stands behind one of the event's commitments.
    pub fn check_opening(&self, opening: &Opening) -> Result<(), Error> {
        let field = match opening.label() {
            Label::Actor => Some(&self.actor.id),
            Label::Resource => Some(&self.resource.id),
            Label::Address => self.address.as_ref(),
        };
        match field {
            Some(Field::Committed(commitment)) if *commitment == opening.commitment() => Ok(()),
            Some(Field::Committed(_) | Field::Plain(_)) | None => {
                Err(Error::OtherOpening { label: opening.label().slug() })
            }
        }
    }
}

#[cfg(test)]
mod tests;
