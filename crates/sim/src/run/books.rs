//! The simulator's own books: what each car put into batches, and what the platform has answered for.

use std::sync::{Mutex, PoisonError};

use brain::{BatchObserver, queue::Key};
use model::{Lane, QueueEpoch, Seq, Timestamp, VehicleId};
use tokio::sync::mpsc;

use super::{clock, journal::Page};

/// One car's batches.
#[derive(Debug, Default)]
pub struct CarBook {
    lanes: Mutex<Vec<LaneBook>>,
    probe: Option<Probe>,
    page: Option<Page>,
}

/// Tells of each live batch of one car as it leaves, so that somebody can time its way.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub vehicle: VehicleId,
    pub published: mpsc::Sender<(VehicleId, Timestamp)>,
}

/// One lane's batches in one epoch of the queue. Their numbers have no holes, so sums tell all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneBook {
    pub epoch: QueueEpoch,
    pub lane: Lane,
    /// The first batch that this run queued; those before it were left by an earlier run.
    pub first: Option<Seq>,
    pub last: Option<Seq>,
    pub queued: Sums,
    pub stored: Sums,
    pub refused: Sums,
    /// Stored in this run, queued by an earlier one.
    pub carried: Sums,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub batches: u64,
    pub samples: u64,
}

impl Sums {
    fn add(&mut self, samples: u32) {
        self.batches += 1;
        self.samples += u64::from(samples);
    }
}

impl CarBook {
    pub(super) fn new(probe: Option<Probe>, page: Option<Page>) -> Self {
        Self { probe, page, ..Self::default() }
    }

    /// By epoch and lane.
    pub fn lanes(&self) -> Vec<LaneBook> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        lanes.sort_by_key(|book| (book.epoch, book.lane));
        lanes
    }

    fn with(&self, key: Key, note: impl FnOnce(&mut LaneBook)) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lanes.iter().position(|book| (book.epoch, book.lane) == (key.epoch, key.lane));
        let place = known.unwrap_or_else(|| {
            lanes.push(LaneBook::new(key));
            lanes.len() - 1
        });
        if let Some(book) = lanes.get_mut(place) {
            note(book);
        }
    }
}

impl LaneBook {
    fn new(key: Key) -> Self {
        let none = Sums::default();
        let (epoch, lane) = (key.epoch, key.lane);
        Self {
            epoch,
            lane,
            first: None,
            last: None,
            queued: none,
            stored: none,
            refused: none,
            carried: none,
        }
    }
}

impl BatchObserver for CarBook {
    fn queued(&self, key: Key, samples: u32) {
        self.with(key, |book| {
            book.first.get_or_insert(key.seq);
            book.last = Some(key.seq);
            book.queued.add(samples);
        });
        if let Some(page) = &self.page {
            page.note(key, samples, "queued");
        }
    }

    fn published(&self, key: Key, _samples: u32) {
        let Some(probe) = self.probe.as_ref().filter(|_| key.lane == Lane::Live) else { return };
        // Who times batches and does not listen misses some.
        let _missed = probe.published.try_send((probe.vehicle, clock::now())).is_err();
    }

    fn settled(&self, key: Key, samples: u32, stored: bool) {
        self.with(key, |book| {
            let own = book.first.is_some_and(|first| first <= key.seq);
            match (stored, own) {
                (true, true) => book.stored.add(samples),
                (true, false) => book.carried.add(samples),
                (false, _) => book.refused.add(samples),
            }
        });
        if let Some(page) = &self.page {
            page.note(key, samples, if stored { "stored" } else { "refused" });
        }
    }
}
