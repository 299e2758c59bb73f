//! What a car is made of, resolved and valid.

use std::{path::PathBuf, sync::Arc};

use bus::profile::Profile;
use model::{Micros, Region, VehicleId};
use signals::Catalogue;
use wire::{ClockState, VerifyingKeys};

use crate::{BackoffLimits, BatchObserver, Shared, clock::Clock, queue};

/// One car.
#[derive(Debug, Clone)]
pub struct Config {
    pub vehicle: VehicleId,
    /// Where the car is at home; without one it shows no codes.
    pub region: Option<Region>,
    /// Name and version of the software, for the report.
    pub software: Arc<str>,
    /// What the catalogue of the profile is, or another when there is no profile.
    pub catalogue: Arc<Catalogue>,
    /// The car's architecture; without one only samples are taken, no bus messages.
    pub profile: Option<Arc<Profile>>,
    /// Whose signatures on desired state count.
    pub keys: Arc<VerifyingKeys>,
    /// The car's folder: the queue and the desired state. Nobody else writes there.
    pub data_dir: PathBuf,
    /// Where the catalogues of queued batches are kept. Cars of one process may share it.
    pub catalogues_dir: PathBuf,
    pub queue: queue::Options,
    /// How far this car's collecting is shifted against that of others, so that a fleet does not
    /// send in step.
    pub phase: Micros,
    pub clock: Clock,
    /// How far `clock` can be trusted, where somebody knows; otherwise the platform's time tells.
    pub clock_state: Option<ClockState>,
    pub backoff: BackoffLimits,
    /// How long an orderly stop may take to send what waits.
    pub grace: Micros,
    /// Stop when the source of signals has ended and everything was sent, as for a recording.
    pub end_with_source: bool,
    pub shared: Arc<Shared>,
    /// Told of each batch.
    pub observer: Option<Arc<dyn BatchObserver>>,
}

impl Config {
    /// A car with the usual limits. Its phase follows from its id.
    pub fn new(vehicle: VehicleId, data_dir: PathBuf, catalogue: Arc<Catalogue>) -> Self {
        let [.., a, b] = *vehicle.as_bytes();
        Self {
            vehicle,
            region: None,
            software: concat!("brain ", env!("CARGO_PKG_VERSION")).into(),
            catalogue,
            profile: None,
            keys: Arc::new(VerifyingKeys::default()),
            catalogues_dir: data_dir.join("catalogues"),
            data_dir,
            queue: queue::Options::default(),
            // Spread over a second, the shortest period that many cars share.
            phase: Micros(i64::from(u16::from_le_bytes([a, b])) * Micros::SECOND.0 / (1 << 16)),
            clock: crate::clock::system,
            clock_state: None,
            backoff: BackoffLimits::default(),
            grace: Micros::from_secs(2),
            end_with_source: false,
            shared: Arc::new(Shared::default()),
            observer: None,
        }
    }

    /// The same car with an architecture and that profile's catalogue.
    #[must_use]
    pub fn with_profile(self, profile: Arc<Profile>) -> Self {
        Self { catalogue: Arc::clone(profile.catalogue()), profile: Some(profile), ..self }
    }
}
