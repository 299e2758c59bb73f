//! The twins of all cars whose shards are owned here, for those who read them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use identity::Brands;
use model::{Brand, CampaignId, Lane, SubjectId, Timestamp};
use signals::SignalId;
use tokio::sync::broadcast;

use super::{
    twin::Twin,
    watermarks::{Mark, Watermarks},
};

/// Records of changes that a slow listener may fall behind before it has to look at everything
/// again: several seconds of a busy shard.
const CHANGES_MAX: usize = 1_024;

/// All twins. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Twins(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changes: broadcast::Sender<Arc<Changes>>,
}

/// What the owner knows of its cars; a snapshot holds all of it.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct State {
    pub(super) cars: HashMap<SubjectId, Car>,
    pub(super) marks: Watermarks,
    pub(super) counts: Counts,
    /// Samples of each campaign, for its status, by the cars' brands. Those that were counted before they were told
    /// apart have none.
    pub(super) campaigns: HashMap<(CampaignId, Option<Brand>), u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Car {
    pub(super) brand: Brand,
    /// Shared with a snapshot that is being written; who changes it then changes a copy.
    pub(super) twin: Arc<Twin>,
}

/// What the owner has counted since the log began.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub batches: u64,
    /// Stored samples, those that are not available included.
    pub samples: u64,
    /// Batches that were seen before.
    pub duplicate_batches: u64,
    /// Batches that never came and were not announced as dropped.
    pub missing_batches: u64,
    /// Batches that cars dropped and said so.
    pub dropped_batches: u64,
    /// Columns that were left out of batches.
    pub bad_columns: u64,
    /// Batches of which nothing could be read.
    pub bad_batches: u64,
}

/// What one record of the log changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Cars with the signals that have a new latest reading, each car once.
    pub cars: Vec<(SubjectId, Vec<SignalId>)>,
}

/// The gaps of a car's lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneState {
    pub lane: Lane,
    pub mark: Mark,
}

impl Default for Twins {
    fn default() -> Self {
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        Self(Arc::new(Shared { state: Mutex::default(), changes }))
    }
}

impl Twins {
    /// A car's twin as it is now.
    pub fn get(&self, subject: SubjectId) -> Option<Twin> {
        self.state().cars.get(&subject).map(|car| Twin::clone(&car.twin))
    }

    /// Looks at one car's twin without copying it. Keep `look` short: the owner waits for it.
    pub fn with<T>(&self, subject: SubjectId, look: impl FnOnce(&Twin) -> T) -> Option<T> {
        self.state().cars.get(&subject).map(|car| look(&car.twin))
    }

    /// Looks at every car, in no order. Keep `look` short: the owner waits for all of it.
    pub fn for_each(&self, mut look: impl FnMut(SubjectId, Brand, &Twin)) {
        self.state().cars.iter().for_each(|(subject, car)| look(*subject, car.brand, &car.twin));
    }

    /// How many cars have ever sent anything.
    pub fn len(&self) -> usize {
        self.state().cars.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When a car's newest batch was received.
    pub fn seen(&self, subject: SubjectId) -> Option<Timestamp> {
        self.with(subject, Twin::seen).flatten()
    }

    /// What is known of a car's lanes: how far they are, and what is missing of them.
    pub fn lanes(&self, subject: SubjectId) -> Vec<LaneState> {
        let marks = self.state().marks.of(subject);
        let lanes = Lane::ALL.into_iter().zip(marks);
        lanes.filter_map(|(lane, mark)| mark.map(|mark| LaneState { lane, mark })).collect()
    }

    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Samples stored for a campaign of these brands' cars.
    pub fn campaign_samples(&self, campaign: CampaignId, brands: Brands) -> u64 {
        let untold = (brands == Brands::ALL).then_some(None);
        let state = self.state();
        let of = |brand| state.campaigns.get(&(campaign, brand)).copied().unwrap_or(0);
        brands.iter().map(Some).chain(untold).map(of).sum()
    }

    /// Changes from now on, a message for each record of the log. Who falls behind is told so and
    /// looks at everything again.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Changes>> {
        self.0.changes.subscribe()
    }

    /// Of a panic under the lock at most one car's change is half done, and its next batch mends it.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who follow, if there are any.
    pub(super) fn tell(&self, changes: impl FnOnce() -> Changes) {
        if self.0.changes.receiver_count() == 0 {
            return;
        }
        let changes = changes();
        if !changes.cars.is_empty() {
            // Whoever listened may have gone since.
            self.0.changes.send(Arc::new(changes)).ok();
        }
    }
}
