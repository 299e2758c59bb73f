//! The live twin: the latest reading of each of a car's signals.
//!
//! A twin is small (56 bytes a signal beside its texts), so that one node keeps millions.

use campaigns::{Column, RowGroup};
use model::{Timestamp, limits::SOURCE_LEAD_MAX};
use signals::{Catalogue, Leaf, Quality, SignalId, Value};

/// The latest reading of a signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    pub signal: SignalId,
    pub quality: Quality,
    /// `None` when the source has no value now, or one that the signal's type cannot hold.
    pub value: Option<Value>,
    pub source_time: Timestamp,
    pub receive_time: Timestamp,
}

/// All that is known of one car now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Twin {
    /// Sorted by signal.
    latest: Vec<Latest>,
    /// When the platform last received a batch of it.
    seen: Option<Timestamp>,
}

impl Twin {
    /// Sorted by signal.
    pub fn readings(&self) -> &[Latest] {
        &self.latest
    }

    pub fn seen(&self) -> Option<Timestamp> {
        self.seen
    }

    pub fn get(&self, signal: SignalId) -> Option<&Latest> {
        self.position(signal).ok().map(|at| &self.latest[at])
    }

    /// Takes the last row of each column that is newer than what is known, and tells which signals
    /// changed. Batches of different lanes come out of order: an older reading changes nothing. A
    /// reading from the future is as new as its receipt, so that a clock that was wrong holds up
    /// what comes after it for a minute at most.
    pub fn apply(
        &mut self,
        rows: &RowGroup,
        received: Timestamp,
        catalogue: &Catalogue,
        mut changed: impl FnMut(SignalId),
    ) {
        self.seen = self.seen.max(Some(received));
        let Some(source_time) = rows.times.last().copied() else { return };
        let row = rows.times.len() - 1;
        let new_age = age(source_time, received);
        // Columns and readings are sorted alike.
        let mut from = 0;
        for column in &rows.columns {
            let signal = column.signal;
            let place = self.position_from(from, signal);
            let (Ok(at) | Err(at)) = place;
            from = at;
            let newer = |known: &Latest| new_age > age(known.source_time, known.receive_time);
            if place.is_ok_and(|at| !newer(&self.latest[at])) {
                continue;
            }
            let Some(leaf) = catalogue.by_id(signal) else { continue };
            let (value, quality) = reading_at(column, leaf, row);
            changed(signal);
            let latest = Latest { signal, quality, value, source_time, receive_time: received };
            match place {
                Ok(at) => self.latest[at] = latest,
                Err(at) => self.latest.insert(at, latest),
            }
        }
    }

    /// Takes a reading as it is, from a snapshot.
    pub fn put(&mut self, latest: Latest) {
        match self.position(latest.signal) {
            Ok(at) => self.latest[at] = latest,
            Err(at) => self.latest.insert(at, latest),
        }
    }

    pub fn set_seen(&mut self, seen: Option<Timestamp>) {
        self.seen = seen;
    }

    fn position(&self, signal: SignalId) -> Result<usize, usize> {
        self.latest.binary_search_by_key(&signal, |latest| latest.signal)
    }

    /// Where a signal is or would be, which is not before a place; a car sends much the same signals
    /// each time, so that it mostly is the very next.
    fn position_from(&self, from: usize, signal: SignalId) -> Result<usize, usize> {
        let rest = &self.latest[from..];
        let ahead = rest.iter().take(2).position(|latest| latest.signal == signal);
        if let Some(ahead) = ahead {
            return Ok(from + ahead);
        }
        let place = rest.binary_search_by_key(&signal, |latest| latest.signal);
        place.map(|at| from + at).map_err(|at| from + at)
    }
}

/// What readings are ordered by: when they were measured, but no later than a clock that is right
/// could say.
fn age(source: Timestamp, received: Timestamp) -> (Timestamp, Timestamp) {
    (source.min(received + SOURCE_LEAD_MAX), source)
}

/// Only the last row is asked for, so its exception is the last of the column.
fn reading_at(column: &Column, leaf: &Leaf, row: usize) -> (Option<Value>, Quality) {
    let exception = column.exceptions.last().filter(|exception| usize::try_from(exception.row) == Ok(row));
    match exception {
        None => (column.data.value(leaf, row), Quality::Good),
        Some(exception) if exception.raw.is_some() || exception.quality == Quality::NotAvailable => {
            (None, exception.quality)
        }
        Some(exception) => (column.data.value(leaf, row), exception.quality),
    }
}

#[cfg(test)]
mod tests;
