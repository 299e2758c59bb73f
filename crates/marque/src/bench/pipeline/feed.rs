//! What each car publishes, encoded before the clock starts: a batch of its own for each message, as
//! a platform that stores a batch once must be measured with.

use std::sync::Arc;

use anyhow::Context as _;
use campaigns::{Column, RowGroup};
use model::{ConsentEpoch, Micros, QueueEpoch, Seq, Timestamp};
use signals::{Catalogue, Leaf, Quality, Value};
use wire::{BatchMeta, ClockState, Encoder};

use super::drive::{Drive, PATHS, SIGNALS};
use crate::bench::gateway::batches;

/// The messages of all cars, made as far as they were asked for.
pub(super) struct Feed {
    catalogue: Arc<Catalogue>,
    /// The signals by id, each with its place in what a car says.
    leaves: Vec<(usize, Arc<Leaf>)>,
    encoder: Encoder,
    /// Seconds in each message.
    rows: usize,
    start: Timestamp,
    cars: Vec<Messages>,
}

/// One car's messages, one after the other.
struct Messages {
    drive: Drive,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Feed {
    /// So many cars, each with this many samples in a message, from a moment on. The samples are a
    /// multiple of the signals: all signals, once a second.
    pub(super) fn new(cars: usize, samples: usize, start: Timestamp) -> anyhow::Result<Self> {
        let catalogue = Catalogue::core();
        let mut leaves = Vec::new();
        for (place, path) in PATHS.iter().enumerate() {
            leaves.push((place, Arc::clone(catalogue.require(path)?)));
        }
        leaves.sort_by_key(|(_, leaf)| leaf.id);
        let messages = |seed| Messages { drive: Drive::new(seed), bytes: Vec::new(), ends: Vec::new() };
        Ok(Self {
            catalogue,
            leaves,
            encoder: Encoder::default(),
            rows: (samples / SIGNALS).max(1),
            start,
            cars: (0..).map(messages).take(cars).collect(),
        })
    }

    pub(super) fn cars(&self) -> usize {
        self.cars.len()
    }

    pub(super) fn samples_per_message(&self) -> usize {
        self.rows * SIGNALS
    }

    /// Sees to it that each car has this many messages.
    pub(super) fn extend_to(&mut self, messages: usize) -> anyhow::Result<()> {
        for car in &mut self.cars {
            for number in car.ends.len()..messages {
                let group = group(&mut car.drive, &self.leaves, self.rows, number, self.start)?;
                let seq = Seq(u64::try_from(number)?);
                let batch = self.encoder.encode(&meta(seq), &[group], &self.catalogue);
                car.bytes.extend_from_slice(&batch.context("encode a batch of the bench")?);
                car.ends.push(car.bytes.len());
            }
        }
        Ok(())
    }

    /// A message that was made; none otherwise.
    pub(super) fn message(&self, car: usize, number: usize) -> Option<&[u8]> {
        let car = self.cars.get(car)?;
        let start = match number.checked_sub(1) {
            Some(before) => *car.ends.get(before)?,
            None => 0,
        };
        car.bytes.get(start..*car.ends.get(number)?)
    }

    /// Bytes of a message in the mean, over those that were made.
    pub(super) fn bytes_per_message(&self) -> f64 {
        let (bytes, count) = self
            .cars
            .iter()
            .fold((0, 0), |(bytes, count), car| (bytes + car.bytes.len(), count + car.ends.len()));
        super::table::ratio(bytes, count)
    }
}

fn group(
    drive: &mut Drive,
    leaves: &[(usize, Arc<Leaf>)],
    rows: usize,
    number: usize,
    start: Timestamp,
) -> anyhow::Result<RowGroup> {
    let mut times = Vec::with_capacity(rows);
    let mut columns: Vec<_> = leaves.iter().map(|(_, leaf)| Column::new(leaf)).collect();
    for row in number * rows..(number + 1) * rows {
        times.push(start + Micros::from_secs(i64::try_from(row)?));
        let values = drive.second();
        for (column, (place, leaf)) in columns.iter_mut().zip(leaves) {
            let value = values.get(*place).copied().map(Value::Float);
            column.push(leaf, value.as_ref(), Quality::Good);
        }
    }
    Ok(RowGroup { times, columns })
}

fn meta(seq: Seq) -> BatchMeta {
    BatchMeta {
        epoch: QueueEpoch(1),
        seq,
        lane: batches::LANE,
        campaign: batches::CAMPAIGN,
        version: batches::VERSION,
        purpose: batches::PURPOSE,
        consent_epoch: ConsentEpoch(1),
        clock: ClockState::Synced,
        dropped: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
