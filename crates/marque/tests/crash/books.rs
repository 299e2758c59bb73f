//! The fleet's books against the platform's tables.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use model::{Lane, SubjectId, VehicleId};
use serde_json::Value;
use store::Store;

use crate::{process::World, tables};

/// A batch's name: vehicle, epoch, lane, number.
type Key = (VehicleId, i64, Lane, i64);

/// What the cars noted of their batches, with the samples of each.
#[derive(Debug, Default)]
pub(crate) struct Books {
    queued: BTreeMap<Key, u64>,
    acknowledged: BTreeMap<Key, u64>,
}

/// What a comparison came to, in batches.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) acknowledged: u64,
    pub(crate) acknowledged_samples: u64,
    /// Acknowledged and not in the tables, or not with all samples.
    pub(crate) missing: u64,
    /// In the tables with a sample twice, or one that they did not have.
    pub(crate) twice: u64,
    /// In the tables, although no car queued it.
    pub(crate) strange: u64,
    /// Queued, never answered, and not in the tables.
    pub(crate) lost: u64,
    /// Numbers of a lane's epoch that are not in the tables, although a later one is.
    pub(crate) gaps: u64,
    pub(crate) stored: u64,
    /// In the tables, and not answered as far as the cars noted: that a crash cuts off the answer is
    /// no fault.
    pub(crate) unanswered: u64,
}

impl Books {
    pub(crate) fn read(world: &World) -> Self {
        let mut books = Self::default();
        for line in fs::read_to_string(world.journal()).unwrap().lines() {
            books.note(&line.split(' ').collect::<Vec<_>>());
        }
        books
    }

    /// A line without its last word was cut off by a crash.
    fn note(&mut self, words: &[&str]) {
        let &[vehicle, epoch, lane, seq, samples, what] = words else { return };
        let number = |text: &str| text.parse::<i64>().unwrap();
        let batches = match what {
            "queued" => &mut self.queued,
            "stored" => &mut self.acknowledged,
            "refused" => panic!("the platform refused a batch: {words:?}"),
            _ => return,
        };
        let key = (vehicle.parse().unwrap(), number(epoch), lane.parse().unwrap(), number(seq));
        let samples = number(samples).unsigned_abs();
        let before = batches.insert(key, samples);
        assert!(before.is_none_or(|before| before == samples), "a batch changed: {words:?}");
    }

    /// The report of a fleet with one life says the same as its journal, and that all was answered.
    pub(crate) fn check_report(&self, world: &World) {
        let report: Value = serde_json::from_slice(&fs::read(world.report()).unwrap()).unwrap();
        let mut lanes: BTreeMap<(VehicleId, i64, Lane), (u64, u64)> = BTreeMap::new();
        for ((vehicle, epoch, lane, _), samples) in &self.acknowledged {
            let sums = lanes.entry((*vehicle, *epoch, *lane)).or_default();
            *sums = (sums.0 + 1, sums.1 + samples);
        }
        let mut reported = BTreeMap::new();
        for vehicle in report["by_vehicle"].as_array().unwrap() {
            let id: VehicleId = vehicle["vehicle_id"].as_str().unwrap().parse().unwrap();
            for lane in vehicle["lanes"].as_array().unwrap() {
                assert_eq!(lane["batches_sent"], lane["batches_acknowledged"], "{id}: {lane}");
                assert_eq!(lane["samples_sent"], lane["samples_acknowledged"], "{id}: {lane}");
                let sums = (
                    lane["batches_acknowledged"].as_u64().unwrap(),
                    lane["samples_acknowledged"].as_u64().unwrap(),
                );
                let name = lane["lane"].as_str().unwrap().parse().unwrap();
                reported.insert((id, lane["epoch"].as_i64().unwrap(), name), sums);
            }
        }
        assert_eq!(reported, lanes);
    }

    /// Compares with the tables of a platform that has stopped.
    pub(crate) async fn compare(&self, world: &World) -> Figures {
        let vehicles = self.vehicles(world).await;
        let mut figures = Figures {
            acknowledged: self.acknowledged.len() as u64,
            acknowledged_samples: self.acknowledged.values().sum(),
            ..Figures::default()
        };
        let mut stored = BTreeMap::new();
        for ((subject, epoch, lane, seq), batch) in tables::read(&world.lake()) {
            stored.insert((vehicles[&subject], epoch, lane, seq), batch);
        }
        figures.stored = stored.len() as u64;
        figures.gaps = gaps(stored.keys());
        for (key, batch) in &stored {
            let samples = self.acknowledged.get(key).or_else(|| self.queued.get(key));
            let more = samples.is_some_and(|samples| batch.samples() > *samples);
            figures.twice += u64::from(more || batch.twice > 0);
            figures.strange += u64::from(samples.is_none());
            figures.unanswered += u64::from(!self.acknowledged.contains_key(key));
        }
        let there = |key, samples| stored.get(key).is_some_and(|batch| batch.samples() >= samples);
        for (key, samples) in &self.acknowledged {
            figures.missing += u64::from(!there(key, *samples));
        }
        for (key, samples) in &self.queued {
            figures.lost += u64::from(!self.acknowledged.contains_key(key) && !there(key, *samples));
        }
        figures
    }

    /// Which car each subject is; only the platform's SQL knows.
    async fn vehicles(&self, world: &World) -> BTreeMap<SubjectId, VehicleId> {
        let store = Store::sqlite(&world.data().join("marque.db")).await.unwrap();
        let cars: BTreeSet<_> = self.queued.keys().map(|(vehicle, ..)| *vehicle).collect();
        let mut vehicles = BTreeMap::new();
        for vehicle in cars {
            vehicles.insert(store.current_subject(vehicle).await.unwrap().subject, vehicle);
        }
        store.close().await;
        vehicles
    }
}

/// Holes in the numbers of each lane's epochs, which begin at 0. `keys` are sorted.
fn gaps<'a>(keys: impl Iterator<Item = &'a Key>) -> u64 {
    let mut next: BTreeMap<(VehicleId, i64, Lane), i64> = BTreeMap::new();
    let mut gaps = 0;
    for (vehicle, epoch, lane, seq) in keys {
        let next = next.entry((*vehicle, *epoch, *lane)).or_default();
        gaps += (seq - *next).unsigned_abs();
        *next = seq + 1;
    }
    gaps
}
