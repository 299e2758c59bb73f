//! Salted commitments: what the log says of a person is a hash, and what opens it can be deleted.

use std::fmt;

use crate::{Error, Hash, event::Word};

/// Which field of an event a commitment stands in. It is part of what is hashed, so that a commitment
/// cannot be moved to another field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    Actor,
    Resource,
    Address,
}

impl Label {
    pub const ALL: [Self; 3] = [Self::Actor, Self::Resource, Self::Address];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::Resource => "resource",
            Self::Address => "address",
        }
    }

    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.slug() == slug)
    }
}

/// 16 random bytes, drawn by the caller for each value anew. Whoever knows the salt can try values;
/// without it, nobody can.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 16]);

impl Salt {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// `SHA-256(salt || length of label || label || value)`; the length is one byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment([u8; 32]);

impl Commitment {
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({})", Hash::from_bytes(self.0))
    }
}

/// What a commitment hides: keep it beside the log, hand it to the owner whom it concerns, delete it when
/// the law says so. After that the entry proves that something happened, and no longer to whom.
///
/// Two commitments to one value have nothing in common, so that entries cannot be grouped by them; to
/// find a car's entries again, keep the entry's index beside the opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    label: Label,
    salt: Salt,
    value: Word,
}

impl Opening {
    pub fn new(label: Label, salt: Salt, value: Word) -> Self {
        Self { label, salt, value }
    }

    /// From how a store keeps it; the label is a [`Label::slug`].
    pub fn from_parts(label: &str, salt: &[u8], value: &str) -> Result<Self, Error> {
        let label = Label::from_slug(label).ok_or(Error::Opening("unknown label"))?;
        let salt = salt.try_into().map_err(|_| Error::Opening("a salt is 16 bytes"))?;
        Ok(Self::new(label, Salt(salt), value.parse()?))
    }

    pub fn label(&self) -> Label {
        self.label
    }

    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    pub fn value(&self) -> &Word {
        &self.value
    }

    pub fn commitment(&self) -> Commitment {
        let label = self.label.slug().as_bytes();
        let len = u8::try_from(label.len()).expect("labels are a few characters");
        let hash = Hash::of(&[&self.salt.0, &[len], label, self.value.as_str().as_bytes()]);
        Commitment(*hash.as_bytes())
    }
}

#[cfg(test)]
mod tests;
