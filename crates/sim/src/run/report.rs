//! What a run came to, as JSON: the simulator's side of the books.

use std::{collections::BTreeMap, sync::Arc};

use brain::Snapshot;
use model::Timestamp;
use serde::Serialize;

use super::{CarBook, LaneBook, identity::Identities};
use crate::fleet::Fleet;

/// When a run did what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran {
    pub started: Timestamp,
    pub stopping: Timestamp,
    pub ended: Timestamp,
    pub connected_max: u64,
    pub broken: usize,
}

/// Everything that the fleet counted.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub vehicles: usize,
    /// The most that were connected at one time.
    pub vehicles_connected: u64,
    /// Cars that ended with an error before the fleet did.
    pub vehicles_broken: usize,
    pub brands: BTreeMap<String, usize>,
    pub architectures: BTreeMap<String, usize>,
    pub started_at_us: i64,
    /// From the first car's start to the order to stop.
    pub duration_s: f64,
    pub stop_s: f64,
    /// Samples in batches that were queued, in this run.
    pub samples_sent: u64,
    pub batches_sent: u64,
    /// Of those, what the platform has answered for with PUBACK.
    pub samples_acknowledged: u64,
    pub batches_acknowledged: u64,
    pub samples_refused: u64,
    /// Queued by an earlier run and acknowledged in this one.
    pub samples_carried: u64,
    /// Deleted from queues because a grant was withdrawn before they left.
    pub samples_withdrawn: u64,
    /// Batches that queues dropped because they were full.
    pub batches_dropped: u64,
    pub bytes_sent: u64,
    pub wire_bytes_per_sample: f64,
    pub bus_messages: u64,
    pub bad_bus_messages: u64,
    pub samples_published: u64,
    pub connects: u64,
    pub connect_failures: u64,
    pub disconnects: u64,
    pub bad_columns: u64,
    /// By car: sums by epoch and lane, to compare with what the platform stored.
    pub by_vehicle: Vec<VehicleReport>,
}

#[derive(Debug, Clone, Serialize)]
pub struct VehicleReport {
    pub vehicle_id: String,
    pub brand: String,
    pub architecture: String,
    pub lanes: Vec<LaneReport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaneReport {
    pub epoch: u32,
    pub lane: String,
    pub first_seq: Option<u64>,
    pub last_seq: Option<u64>,
    pub batches_sent: u64,
    pub samples_sent: u64,
    pub batches_acknowledged: u64,
    pub samples_acknowledged: u64,
    pub batches_refused: u64,
    pub batches_carried: u64,
    pub samples_carried: u64,
}

impl LaneReport {
    fn new(book: &LaneBook) -> Self {
        Self {
            epoch: book.epoch.0,
            lane: book.lane.slug().to_owned(),
            first_seq: book.first.map(|seq| seq.0),
            last_seq: book.last.map(|seq| seq.0),
            batches_sent: book.queued.batches,
            samples_sent: book.queued.samples,
            batches_acknowledged: book.stored.batches,
            samples_acknowledged: book.stored.samples,
            batches_refused: book.refused.batches,
            batches_carried: book.carried.batches,
            samples_carried: book.carried.samples,
        }
    }
}

impl Report {
    pub(super) fn new(
        fleet: &Fleet,
        identities: &Identities,
        books: &[Arc<CarBook>],
        stats: Snapshot,
        ran: Ran,
    ) -> Self {
        let cars = fleet.specs().iter().zip(&identities.cars).zip(books);
        let by_vehicle: Vec<_> = cars
            .map(|((spec, identity), book)| VehicleReport {
                vehicle_id: identity.vehicle.to_string(),
                brand: spec.brand().slug().to_owned(),
                architecture: spec.model.architecture.to_owned(),
                lanes: book.lanes().iter().map(LaneReport::new).collect(),
            })
            .collect();
        let lanes = || by_vehicle.iter().flat_map(|vehicle| &vehicle.lanes);
        let sum = |of: fn(&LaneReport) -> u64| lanes().map(of).sum::<u64>();
        let samples_sent = sum(|lane| lane.samples_sent);
        let seconds = |from: Timestamp, to: Timestamp| to.since(from).0 as f64 / 1e6;
        Self {
            vehicles: fleet.specs().len(),
            vehicles_connected: ran.connected_max,
            vehicles_broken: ran.broken,
            brands: count(by_vehicle.iter().map(|vehicle| &vehicle.brand)),
            architectures: count(by_vehicle.iter().map(|vehicle| &vehicle.architecture)),
            started_at_us: ran.started.0,
            duration_s: seconds(ran.started, ran.stopping),
            stop_s: seconds(ran.stopping, ran.ended),
            samples_sent,
            batches_sent: sum(|lane| lane.batches_sent),
            samples_acknowledged: sum(|lane| lane.samples_acknowledged),
            batches_acknowledged: sum(|lane| lane.batches_acknowledged),
            samples_refused: stats.samples_refused,
            samples_carried: sum(|lane| lane.samples_carried),
            samples_withdrawn: stats.samples_withdrawn,
            batches_dropped: stats.batches_dropped,
            bytes_sent: stats.bytes_queued,
            wire_bytes_per_sample: stats.bytes_queued as f64 / (samples_sent.max(1)) as f64,
            bus_messages: stats.bus_messages,
            bad_bus_messages: stats.bad_messages,
            samples_published: stats.samples_published,
            connects: stats.connects,
            connect_failures: stats.connect_failures,
            disconnects: stats.disconnects,
            bad_columns: stats.bad_columns,
            by_vehicle,
        }
    }
}

fn count<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.clone()).or_default() += 1;
    }
    counts
}
