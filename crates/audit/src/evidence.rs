//! An entry with what opens it, as it is handed to an owner.

use crate::{
    Error, Event,
    bundle::ENTRY_BYTES_MAX,
    cbor::{Reader, Writer},
    opening::{Label, Opening},
};

/// An entry of the greatest length, and an opening of each label.
pub const EVIDENCE_BYTES_MAX: usize = ENTRY_BYTES_MAX + 1_024;

const MALFORMED: Error = Error::TlogProof("its extra data is not the evidence that docs/audit.md describes");

/// The bytes of an entry and the openings of its commitments, as far as they are (still) there.
///
/// Written in deterministic CBOR: `[entry, [[label, salt, value], ...]]`, openings in the order of
/// [`Label::ALL`], each at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    entry: Vec<u8>,
    openings: Vec<Opening>,
}

impl Evidence {
    /// Fails when an opening is not the entry's; an entry that goes without openings may be of any
    /// version.
    pub fn new(entry: Vec<u8>, mut openings: Vec<Opening>) -> Result<Self, Error> {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(Error::EntryLength { bytes: entry.len() });
        }
        openings.sort_by_key(Opening::label);
        openings.dedup();
        let evidence = Self { entry, openings };
        evidence.check()?;
        Ok(evidence)
    }

    pub fn entry(&self) -> &[u8] {
        &self.entry
    }

    pub fn event(&self) -> Result<Event, Error> {
        Event::decode(&self.entry)
    }

    /// In the order of their labels.
    pub fn openings(&self) -> &[Opening] {
        &self.openings
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.openings.is_empty() {
            return Ok(());
        }
        let event = self.event()?;
        self.openings.iter().try_for_each(|opening| event.check_opening(opening))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.array(2);
        out.bytes(&self.entry);
        out.array(self.openings.len());
        for opening in &self.openings {
            out.array(3);
            out.text(opening.label().slug());
            out.bytes(opening.salt().as_bytes());
            out.text(opening.value().as_str());
        }
        out.into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > EVIDENCE_BYTES_MAX {
            return Err(Error::TlogProof("its extra data is too long"));
        }
        let mut reader = Reader::new(bytes);
        if reader.array() != Some(2) {
            return Err(MALFORMED);
        }
        let entry = reader.bytes().ok_or(MALFORMED)?.to_vec();
        let count = reader.array().filter(|count| *count <= Label::ALL.len() as u64).ok_or(MALFORMED)?;
        let openings = (0..count).map(|_| read_opening(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        let ascending = openings.is_sorted_by(|one, next| one.label() < next.label());
        if !ascending || !reader.is_at_end() || entry.len() > ENTRY_BYTES_MAX {
            return Err(MALFORMED);
        }
        Ok(Self { entry, openings })
    }
}

fn read_opening(reader: &mut Reader<'_>) -> Result<Opening, Error> {
    if reader.array() != Some(3) {
        return Err(MALFORMED);
    }
    let label = reader.text().ok_or(MALFORMED)?;
    let salt = reader.bytes().ok_or(MALFORMED)?;
    let value = reader.text().ok_or(MALFORMED)?;
    Opening::from_parts(label, salt, value)
}

#[cfg(test)]
mod tests;
