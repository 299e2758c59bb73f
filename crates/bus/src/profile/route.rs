//! From a signal of a frame to a leaf of the catalogue and back: the compiled maps.

use std::{cmp::Ordering, sync::Arc};

use model::Timestamp;
use signals::{Conversion, Leaf, Quality, Reading, Value};

use crate::{Decoded, SignalCoding};

/// Where in a profile a source signal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    pub frame: usize,
    pub signal: usize,
}

/// One leaf that is fed by one signal.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub leaf: Arc<Leaf>,
    pub source: Source,
    /// Raw numbers (extended as the coding says) that say that there is no value.
    pub not_available: [Option<u64>; 2],
    pub convert: Convert,
}

/// What becomes of the source's number.
#[derive(Debug, Clone)]
pub(super) enum Convert {
    /// The physical value in the leaf's unit.
    Linear(Conversion),
    /// Raw numbers that stand for values, and what all others stand for.
    Table { rows: Box<[(i64, Value)]>, other: Option<Value> },
}

impl Route {
    pub(super) fn read(&self, decoded: &Decoded, time: Timestamp) -> Reading {
        if self.not_available.contains(&Some(decoded.raw)) {
            return Reading::not_available(time);
        }
        match &self.convert {
            Convert::Linear(conversion) => self.leaf.read_number(conversion.apply(decoded.value), time),
            Convert::Table { rows, other } => {
                let raw = decoded.raw.cast_signed();
                let row = rows.iter().find(|(key, _)| *key == raw).map(|(_, value)| value);
                match row.or(other.as_ref()) {
                    // Checked against the leaf when the profile was read.
                    Some(value) => {
                        Reading { value: Some(value.clone()), quality: Quality::Good, source_time: time }
                    }
                    None => Reading::not_available(time),
                }
            }
        }
    }

    /// The raw number that stands for a value, as near as the source's bits can say it; `None` when
    /// nothing does.
    pub(super) fn raw_of(&self, coding: &SignalCoding, value: &Value) -> Option<u64> {
        match &self.convert {
            Convert::Linear(conversion) => {
                let physical = conversion.inverse().apply(value.as_f64()?);
                Some(nearest_raw(coding, physical, self.not_available))
            }
            Convert::Table { rows, other } => {
                if let Some(raw) = nearest_row(rows, value) {
                    return Some(raw);
                }
                let listed = |raw: &i64| rows.iter().any(|(key, _)| key == raw);
                let free =
                    |raw: &i64| !listed(raw) && !self.not_available.contains(&Some(raw.cast_unsigned()));
                (other.as_ref() == Some(value)).then(|| (0..).find(free))?.map(i64::cast_unsigned)
            }
        }
    }

    /// How far a value may be from what its source's bits can say.
    pub(super) fn resolution(&self, coding: &SignalCoding) -> f64 {
        match &self.convert {
            Convert::Linear(conversion) => (coding.factor() * conversion.factor).abs(),
            Convert::Table { .. } => 0.0,
        }
    }
}

/// The exact row, or for numbers the nearest one: a table of temperatures has steps.
fn nearest_row(rows: &[(i64, Value)], value: &Value) -> Option<u64> {
    if let Some((raw, _)) = rows.iter().find(|(_, listed)| listed == value) {
        return Some(raw.cast_unsigned());
    }
    let Value::Float(number) = value else { return None };
    let distance = |listed: &Value| listed.as_f64().map(|listed| (listed - number).abs());
    rows.iter()
        .filter_map(|(raw, listed)| Some((*raw, distance(listed)?)))
        .min_by(|a, b| a.1.partial_cmp(&b.1).unwrap_or(Ordering::Equal))
        .map(|(raw, _)| raw.cast_unsigned())
}

/// The raw number nearest to a physical value that fits and is not one that says "no value".
pub(super) fn nearest_raw(coding: &SignalCoding, physical: f64, not_available: [Option<u64>; 2]) -> u64 {
    let (min, max) = coding.range();
    let physical = if physical.is_finite() { physical.clamp(min, max) } else { min };
    let taken = |raw: u64| not_available.contains(&Some(raw));
    let step = coding.factor().abs();
    // The reserved numbers stand at the ends of a range, so the way out of them is inward.
    let inward = if physical - min > max - physical { -step } else { step };
    let candidates = [physical, physical + inward, physical + 2.0 * inward];
    let raws = candidates.iter().filter_map(|value| coding.raw_of(value.clamp(min, max)));
    raws.into_iter().find(|raw| !taken(*raw)).unwrap_or_default()
}
