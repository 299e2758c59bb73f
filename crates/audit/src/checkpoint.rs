//! Checkpoints: what a log signs of itself ([tlog-checkpoint](https://c2sp.org/tlog-checkpoint)).

use std::{fmt, str::FromStr};

use crate::{
    Error, TreeHead,
    key::{Algorithm, Signer, VerifierKey},
    note::{Note, Signed},
    tree::check_size,
};

/// Bytes of an origin at most; it is a name as a key has.
const ORIGIN_BYTES_MAX: usize = 255;

/// A log's name, size and root, before it is signed. We write no extension lines; those of others are
/// kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// The origin should be the name of the log's key: a URL without its scheme.
    pub fn new(origin: &str, head: TreeHead) -> Result<Self, Error> {
        check_size(head.size)?;
        check_line(origin)?;
        if origin.len() > ORIGIN_BYTES_MAX {
            return Err(Error::Checkpoint("its origin is longer than 255 bytes"));
        }
        Ok(Self { origin: origin.to_owned(), head, extensions: Vec::new() })
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// Lines that nobody audits.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The note to write to `checkpoint`, signed by each.
    ///
    /// Before it is called, every file of the tree is durable, and nothing else was ever signed for this
    /// size: a log that signs two roots is a log that lied.
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Note, Error> {
        let mut note = Note::new(self.to_string())?;
        signers.iter().try_for_each(|signer| note.sign(*signer))?;
        Ok(note)
    }
}

/// A line must not be empty; notes have no control characters.
fn check_line(line: &str) -> Result<(), Error> {
    let valid = !line.is_empty() && !line.chars().any(char::is_control);
    if valid { Ok(()) } else { Err(Error::Checkpoint("a line is empty or holds control characters")) }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.head.size, self.head.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = Error;

    /// Takes the text of a note, with its final newline.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut lines =
            text.strip_suffix('\n').ok_or(Error::Checkpoint("it ends without a newline"))?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(Error::Checkpoint("it has fewer than three lines"));
        };
        let head =
            TreeHead { size: parse_decimal(size).ok_or(Error::Checkpoint("its size"))?, root: root.parse()? };
        let mut checkpoint = Self::new(origin, head)?;
        for line in lines {
            check_line(line)?;
            checkpoint.extensions.push(line.to_owned());
        }
        Ok(checkpoint)
    }
}

/// The one spelling of a number: digits without leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Whose word about a log counts. It is all that a verifier must be given; the rest may come from
/// anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    origin: String,
    log_keys: Vec<VerifierKey>,
    witnesses: Vec<VerifierKey>,
    witnesses_min: usize,
}

impl Policy {
    /// Trusts one key of a log whose origin is the key's name.
    pub fn of_log(key: VerifierKey) -> Self {
        let origin = key.name().to_string();
        Self { origin, log_keys: vec![key], witnesses: Vec::new(), witnesses_min: 0 }
    }

    /// Another key of the log, after or during a rotation; one signature is enough.
    #[must_use]
    pub fn with_log_key(mut self, key: VerifierKey) -> Self {
        self.log_keys.push(key);
        self
    }

    /// Asks for cosignatures of at least `min` of these witnesses. One that signed wrongly fails the
    /// checkpoint in any case.
    #[must_use]
    pub fn with_witnesses(mut self, witnesses: Vec<VerifierKey>, min: usize) -> Self {
        (self.witnesses, self.witnesses_min) = (witnesses, min);
        self
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Takes a checkpoint that the log signed, and that enough witnesses saw.
    pub fn verify(&self, note: &str) -> Result<SignedCheckpoint, Error> {
        self.verify_note(note.parse()?)
    }

    /// The same of a note that was read already.
    pub fn verify_note(&self, note: Note) -> Result<SignedCheckpoint, Error> {
        let log = note.verify(&self.log_keys)?;
        if log.iter().all(|signed| signed.key.algorithm() != Algorithm::Ed25519) {
            return Err(Error::Unsigned);
        }
        let witnesses = note.verify(&self.witnesses)?;
        if witnesses.len() < self.witnesses_min {
            return Err(Error::Witnesses { found: witnesses.len(), wanted: self.witnesses_min });
        }
        let checkpoint: Checkpoint = note.text().parse()?;
        if checkpoint.origin != self.origin {
            return Err(Error::Origin { expected: self.origin.clone() });
        }
        Ok(SignedCheckpoint { checkpoint, note, witnesses })
    }
}

/// A checkpoint whose signatures hold; only a [`Policy`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
    witnesses: Vec<Signed>,
}

impl SignedCheckpoint {
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub fn head(&self) -> TreeHead {
        self.checkpoint.head
    }

    /// As it was signed, to be kept or shown as evidence.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The known witnesses that cosigned it.
    pub fn witnesses(&self) -> &[Signed] {
        &self.witnesses
    }
}

#[cfg(test)]
mod tests;
