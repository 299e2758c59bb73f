//! What an owner knows, as a file: twins, marks and counts up to an offset of the log.
//!
//! The newest whole snapshot is where a restart begins: what the log holds before it is in files
//! that are recorded, and what comes from it on is read again.
//!
//! `MARQSNP2`, then fields as little-endian integers and length-prefixed texts, then a CRC32C. `MARQSNP1`, which
//! is still read, counts a campaign's samples without brands.

use std::sync::Arc;

use lake::log::Offset;
use model::{Brand, CampaignId, QueueEpoch, Seq, ShardId, SubjectId, Timestamp};
use signals::{Quality, SignalId, Value};

use super::{
    twin::{Latest, Twin},
    twins::{Car, Counts, State},
    watermarks::Mark,
};

const MAGIC: &[u8; 8] = b"MARQSNP2";
const MAGIC_1: &[u8; 8] = b"MARQSNP1";
/// In place of a brand's code; no brand has it.
const NO_BRAND: u8 = 0;

/// Arrays hold scalars only, so values are at most two deep.
const VALUE_DEPTH_MAX: u8 = 2;

/// Names sort as their offsets do.
pub(super) fn name(shard: ShardId, offset: Offset) -> String {
    format!("snapshot-{:03}-{:020}", shard.0, offset.0)
}

pub(super) fn parse_name(shard: ShardId, name: &str) -> Option<Offset> {
    let digits = name.strip_prefix(&format!("snapshot-{:03}-", shard.0))?;
    (digits.len() == 20).then(|| digits.parse().ok().map(Offset))?
}

pub(super) fn encode(state: &State, offset: Offset) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    put_u64(&mut out, offset.0);
    let counts = state.counts;
    for count in [
        counts.batches,
        counts.samples,
        counts.duplicate_batches,
        counts.missing_batches,
        counts.dropped_batches,
        counts.bad_columns,
        counts.bad_batches,
    ] {
        put_u64(&mut out, count);
    }
    let code = |brand: Option<Brand>| brand.map_or(NO_BRAND, Brand::code);
    let campaigns = state.campaigns.iter();
    let mut campaigns: Vec<_> =
        campaigns.map(|((id, brand), samples)| (id.0, code(*brand), *samples)).collect();
    campaigns.sort_unstable();
    put_len(&mut out, campaigns.len());
    for (id, brand, samples) in campaigns {
        put_u64(&mut out, id);
        out.push(brand);
        put_u64(&mut out, samples);
    }
    let marks = state.marks.sorted();
    put_len(&mut out, marks.len());
    for (subject, lanes) in marks {
        out.extend_from_slice(subject.as_bytes());
        lanes.iter().for_each(|mark| put_mark(&mut out, *mark));
    }
    let mut cars: Vec<_> = state.cars.iter().collect();
    cars.sort_unstable_by_key(|(subject, _)| **subject);
    put_len(&mut out, cars.len());
    for (subject, car) in cars {
        put_car(&mut out, *subject, car);
    }
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// `None` when the bytes are not a whole snapshot.
pub(super) fn decode(bytes: &[u8]) -> Option<(State, Offset)> {
    let (content, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
        return None;
    }
    let has_brands = !content.starts_with(MAGIC_1);
    let mut input = Input(content.strip_prefix(if has_brands { MAGIC } else { MAGIC_1 })?);
    let offset = Offset(input.u64()?);
    let mut state = State {
        counts: Counts {
            batches: input.u64()?,
            samples: input.u64()?,
            duplicate_batches: input.u64()?,
            missing_batches: input.u64()?,
            dropped_batches: input.u64()?,
            bad_columns: input.u64()?,
            bad_batches: input.u64()?,
        },
        ..State::default()
    };
    for _ in 0..input.u32()? {
        let id = CampaignId(input.u64()?);
        let brand = match if has_brands { input.u8()? } else { NO_BRAND } {
            NO_BRAND => None,
            code => Some(Brand::from_code(code)?),
        };
        state.campaigns.insert((id, brand), input.u64()?);
    }
    for _ in 0..input.u32()? {
        let subject = input.subject()?;
        state.marks.restore(subject, [input.mark()?, input.mark()?, input.mark()?]);
    }
    for _ in 0..input.u32()? {
        let (subject, car) = input.car()?;
        state.cars.insert(subject, car);
    }
    input.0.is_empty().then_some((state, offset))
}

fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    let len = u32::try_from(len).expect("a shard has fewer than 2^32 cars, and a car fewer signals");
    out.extend_from_slice(&len.to_le_bytes());
}

fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    out.extend_from_slice(&time.0.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_len(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn put_mark(out: &mut Vec<u8>, mark: Option<Mark>) {
    out.push(u8::from(mark.is_some()));
    if let Some(mark) = mark {
        out.extend_from_slice(&mark.epoch.0.to_le_bytes());
        put_u64(out, mark.next.0);
        put_u64(out, mark.missing);
        put_u64(out, mark.dropped);
    }
}

fn put_car(out: &mut Vec<u8>, subject: SubjectId, car: &Car) {
    out.extend_from_slice(subject.as_bytes());
    out.push(car.brand.code());
    put_time(out, car.twin.seen().unwrap_or(Timestamp::MIN));
    put_len(out, car.twin.readings().len());
    for latest in car.twin.readings() {
        out.extend_from_slice(&latest.signal.0.to_le_bytes());
        out.push(quality_code(latest.quality));
        put_time(out, latest.source_time);
        put_time(out, latest.receive_time);
        put_value(out, latest.value.as_ref());
    }
}

fn put_value(out: &mut Vec<u8>, value: Option<&Value>) {
    match value {
        None => out.push(0),
        Some(Value::Bool(value)) => out.extend_from_slice(&[1, u8::from(*value)]),
        Some(Value::Int(value)) => {
            out.push(2);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Some(Value::Uint(value)) => {
            out.push(3);
            put_u64(out, *value);
        }
        Some(Value::Float(value)) => {
            out.push(4);
            put_u64(out, value.to_bits());
        }
        Some(Value::Text(text)) => {
            out.push(5);
            put_text(out, text);
        }
        Some(Value::Array(items)) => {
            out.push(6);
            put_len(out, items.len());
            items.iter().for_each(|item| put_value(out, Some(item)));
        }
    }
}

const fn quality_code(quality: Quality) -> u8 {
    match quality {
        Quality::Good => 0,
        Quality::Stale => 1,
        Quality::OutOfRange => 2,
        Quality::NotAvailable => 3,
    }
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.take().map(i64::from_le_bytes).map(Timestamp)
    }

    fn subject(&mut self) -> Option<SubjectId> {
        self.take().map(SubjectId::from_bytes)
    }

    fn text(&mut self) -> Option<Arc<str>> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(Arc::from)
    }

    #[expect(clippy::option_option, reason = "the outer says whether the bytes were whole")]
    fn mark(&mut self) -> Option<Option<Mark>> {
        if self.u8()? == 0 {
            return Some(None);
        }
        Some(Some(Mark {
            epoch: QueueEpoch(self.u32()?),
            next: Seq(self.u64()?),
            missing: self.u64()?,
            dropped: self.u64()?,
        }))
    }

    fn car(&mut self) -> Option<(SubjectId, Car)> {
        let subject = self.subject()?;
        let brand = Brand::from_code(self.u8()?)?;
        let seen = self.time()?;
        let mut twin = Twin::default();
        twin.set_seen((seen != Timestamp::MIN).then_some(seen));
        for _ in 0..self.u32()? {
            let signal = SignalId(self.u32()?);
            let code = self.u8()?;
            let quality = Quality::ALL.into_iter().find(|quality| quality_code(*quality) == code)?;
            let (source_time, receive_time) = (self.time()?, self.time()?);
            let value = self.value(VALUE_DEPTH_MAX)?;
            twin.put(Latest { signal, quality, value, source_time, receive_time });
        }
        Some((subject, Car { brand, twin: Arc::new(twin) }))
    }

    #[expect(clippy::option_option, reason = "the outer says whether the bytes were whole")]
    fn value(&mut self, depth: u8) -> Option<Option<Value>> {
        let depth = depth.checked_sub(1)?;
        Some(Some(match self.u8()? {
            0 => return Some(None),
            1 => Value::Bool(self.u8()? != 0),
            2 => Value::Int(self.take().map(i64::from_le_bytes)?),
            3 => Value::Uint(self.u64()?),
            4 => Value::Float(f64::from_bits(self.u64()?)),
            5 => Value::Text(self.text()?),
            6 => {
                let mut items = Vec::new();
                for _ in 0..self.u32()? {
                    items.push(self.value(depth)??);
                }
                Value::Array(items.into())
            }
            _ => return None,
        }))
    }
}

#[cfg(test)]
mod tests;
