//! SHA-256 as a Merkle tree uses it (RFC 6962 section 2.1, RFC 9162 section 2.1.1).

use std::{fmt, str::FromStr};

use aws_lc_rs::digest::{self, SHA256};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::Error;

/// The SHA-256 of a leaf, of an inner node or of a whole tree; 32 bytes.
///
/// Written in base64 (RFC 4648 section 4), as checkpoints and proofs carry it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; Self::BYTES]);

impl Hash {
    pub const BYTES: usize = 32;

    /// The root of a tree without leaves: the hash of nothing.
    pub fn of_empty() -> Self {
        Self::of(&[])
    }

    /// The leaf of an entry: `SHA-256(0x00 || entry)`.
    #[must_use]
    pub fn of_leaf(entry: &[u8]) -> Self {
        Self::of(&[&[0x00], entry])
    }

    /// The node above two others: `SHA-256(0x01 || left || right)`.
    #[must_use]
    pub fn of_node(left: Self, right: Self) -> Self {
        let mut bytes = [0x01; 1 + 2 * Self::BYTES];
        bytes[1..=Self::BYTES].copy_from_slice(&left.0);
        bytes[1 + Self::BYTES..].copy_from_slice(&right.0);
        let mut hash = [0; Self::BYTES];
        hash.copy_from_slice(digest::digest(&SHA256, &bytes).as_ref());
        Self(hash)
    }

    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// The SHA-256 of all parts, one after the other.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&SHA256);
        for part in parts {
            context.update(part);
        }
        let mut hash = [0; Self::BYTES];
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = Error;

    /// Takes the one spelling: padded, no spare bits.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; Self::BYTES + 1];
        match STANDARD.decode_slice(text, &mut bytes) {
            Ok(Self::BYTES) => {}
            Ok(_) | Err(_) => return Err(Error::Hash),
        }
        let mut hash = [0; Self::BYTES];
        hash.copy_from_slice(&bytes[..Self::BYTES]);
        Ok(Self(hash))
    }
}

/// The root over a power of two of hashes.
pub(crate) fn fold_full(hashes: &[Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two());
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let half = row.len() / 2;
        for index in 0..half {
            row[index] = Hash::of_node(row[2 * index], row[2 * index + 1]);
        }
        row.truncate(half);
    }
    row.first().copied().unwrap_or_else(Hash::of_empty)
}

/// The root above full subtrees that stand from the largest to the smallest, left to right.
pub(crate) fn fold_right(subtrees: impl DoubleEndedIterator<Item = Hash>) -> Hash {
    subtrees.rev().reduce(|right, left| Hash::of_node(left, right)).unwrap_or_else(Hash::of_empty)
}
