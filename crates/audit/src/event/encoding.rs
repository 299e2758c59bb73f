//! Version 1 of an entry's bytes. Golden files in `testdata` hold it.

use model::{Brand, Purpose, Timestamp};

use super::{Actor, Event, Field, Outcome, Resource};
use crate::{
    Error,
    cbor::{Reader, Writer},
    opening::Commitment,
};

/// What a decoder reads at most. All fields at their limits take about 900 bytes.
pub const EVENT_BYTES_MAX: usize = 1_024;

const VERSION: u64 = 1;

/// The keys of the map, in the order in which they stand. Never renumbered, and never used again.
mod key {
    pub(super) const VERSION: u64 = 0;
    pub(super) const AT: u64 = 1;
    pub(super) const ACTOR_KIND: u64 = 2;
    pub(super) const ACTOR_ID: u64 = 3;
    pub(super) const ACTION: u64 = 4;
    pub(super) const RESOURCE_KIND: u64 = 5;
    pub(super) const RESOURCE_ID: u64 = 6;
    pub(super) const REGION: u64 = 7;
    pub(super) const BRAND: u64 = 8;
    pub(super) const PURPOSE: u64 = 9;
    pub(super) const OUTCOME: u64 = 10;
    pub(super) const REASON: u64 = 11;
    pub(super) const REQUEST: u64 = 12;
    pub(super) const ADDRESS: u64 = 13;
}

/// The fields that every event has.
const REQUIRED: usize = 9;

const MALFORMED: Error = Error::Event("it is not the CBOR map that docs/audit.md describes");

pub(super) fn encode(event: &Event) -> Vec<u8> {
    let optional = [
        event.brand.is_some(),
        event.purpose.is_some(),
        event.reason.is_some(),
        event.request.is_some(),
        event.address.is_some(),
    ];
    let mut out = Writer::default();
    out.map(REQUIRED + optional.into_iter().filter(|present| *present).count());
    out.unsigned(key::VERSION);
    out.unsigned(VERSION);
    out.unsigned(key::AT);
    out.integer(event.at.0);
    text(&mut out, key::ACTOR_KIND, event.actor.kind.as_str());
    field(&mut out, key::ACTOR_ID, &event.actor.id);
    text(&mut out, key::ACTION, event.action.as_str());
    text(&mut out, key::RESOURCE_KIND, event.resource.kind.as_str());
    field(&mut out, key::RESOURCE_ID, &event.resource.id);
    text(&mut out, key::REGION, event.region.as_str());
    if let Some(brand) = event.brand {
        text(&mut out, key::BRAND, brand.slug());
    }
    if let Some(purpose) = event.purpose {
        text(&mut out, key::PURPOSE, purpose.slug());
    }
    text(&mut out, key::OUTCOME, event.outcome.slug());
    if let Some(reason) = &event.reason {
        text(&mut out, key::REASON, reason.as_str());
    }
    if let Some(request) = &event.request {
        text(&mut out, key::REQUEST, request.as_str());
    }
    if let Some(address) = &event.address {
        field(&mut out, key::ADDRESS, address);
    }
    out.into_bytes()
}

fn text(out: &mut Writer, key: u64, value: &str) {
    out.unsigned(key);
    out.text(value);
}

fn field(out: &mut Writer, key: u64, value: &Field) {
    out.unsigned(key);
    match value {
        Field::Plain(word) => out.text(word.as_str()),
        Field::Committed(commitment) => out.bytes(commitment.as_bytes()),
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<Event, Error> {
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(Error::Event("it is longer than 1,024 bytes"));
    }
    let mut reader = Reader::new(bytes);
    let pairs = reader.map().ok_or(MALFORMED)?;
    if reader.unsigned() != Some(key::VERSION) {
        return Err(MALFORMED);
    }
    let version = reader.unsigned().ok_or(MALFORMED)?;
    if version != VERSION {
        return Err(Error::EventVersion { version });
    }
    let mut fields = Fields { reader, left: pairs.checked_sub(1).ok_or(MALFORMED)? };
    // As they stand in the map: an out-of-place, doubled or unknown key is not the key that comes next.
    let event = Event {
        at: Timestamp(fields.required(key::AT, Reader::integer)?),
        actor: Actor { kind: fields.parsed(key::ACTOR_KIND)?, id: fields.field(key::ACTOR_ID)? },
        action: fields.parsed(key::ACTION)?,
        resource: Resource { kind: fields.parsed(key::RESOURCE_KIND)?, id: fields.field(key::RESOURCE_ID)? },
        region: fields.required(key::REGION, |reader| reader.text()?.parse().ok())?,
        brand: fields.optional(key::BRAND, |reader| reader.text()?.parse::<Brand>().ok())?,
        purpose: fields.optional(key::PURPOSE, |reader| reader.text()?.parse::<Purpose>().ok())?,
        outcome: fields.required(key::OUTCOME, read_outcome)?,
        reason: fields.optional(key::REASON, |reader| reader.text()?.parse().ok())?,
        request: fields.optional(key::REQUEST, |reader| reader.text()?.parse().ok())?,
        address: fields.optional(key::ADDRESS, read_field)?,
    };
    if fields.left == 0 && fields.reader.is_at_end() { Ok(event) } else { Err(MALFORMED) }
}

/// What is left of the map.
struct Fields<'a> {
    reader: Reader<'a>,
    left: u64,
}

impl<'a> Fields<'a> {
    fn required<T>(&mut self, key: u64, read: impl FnOnce(&mut Reader<'a>) -> Option<T>) -> Result<T, Error> {
        self.optional(key, read)?.ok_or(MALFORMED)
    }

    /// Nothing when another key comes next.
    fn optional<T>(
        &mut self,
        key: u64,
        read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let mut ahead = self.reader;
        if self.left == 0 || ahead.unsigned() != Some(key) {
            return Ok(None);
        }
        let value = read(&mut ahead).ok_or(MALFORMED)?;
        self.reader = ahead;
        self.left -= 1;
        Ok(Some(value))
    }

    fn parsed<T: std::str::FromStr>(&mut self, key: u64) -> Result<T, Error> {
        self.required(key, |reader| reader.text()?.parse().ok())
    }

    fn field(&mut self, key: u64) -> Result<Field, Error> {
        self.required(key, read_field)
    }
}

fn read_outcome(reader: &mut Reader<'_>) -> Option<Outcome> {
    let slug = reader.text()?;
    Outcome::ALL.into_iter().find(|outcome| outcome.slug() == slug)
}

fn read_field(reader: &mut Reader<'_>) -> Option<Field> {
    if reader.is_text() {
        return reader.text()?.parse().ok().map(Field::Plain);
    }
    let bytes = reader.bytes()?.try_into().ok()?;
    Some(Field::Committed(Commitment::from_bytes(bytes)))
}
