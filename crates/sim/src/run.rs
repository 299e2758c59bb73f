//! A fleet that runs: enrolled over the platform's API, each car with a real brain behind its bus.
//!
//! The only part of the crate that reads a clock, opens sockets and writes files.

mod books;
mod clock;
mod enrol;
mod http;
mod identity;
mod journal;
mod provider;
mod renew;
mod report;

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use brain::{Brain, Config, Shared, TlsConnect, enrolment::LinkIdentity};
use bus::profile::Profile;
use model::{Micros, Timestamp, VehicleId};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use wire::{ClockState, VerifyingKeys};

use crate::fleet::{CarSpec, Fleet, FleetOptions};

pub use books::{CarBook, LaneBook, Sums};
pub use http::{Login, mqtt_of};
pub use report::{LaneReport, Report, VehicleReport};

use books::Probe;
use identity::{Identities, Identity};
use journal::Journal;
use provider::SimProvider;
use renew::Renewals;

/// Who waits for a fleet is told after so long how many cars came.
const READY_AFTER_S_MAX: u32 = 60;

/// Publishes of probed cars that wait to be told.
const PROBE_WAITING_MAX: usize = 1_024;

/// How a fleet is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub fleet: FleetOptions,
    /// The platform's API: `http://127.0.0.1:8080`.
    pub cloud: String,
    /// The platform's front door for cars: `host:port`.
    pub mqtt: String,
    /// Where cars renew their certificates, `https://HOST:PORT`; without it they drive until these end.
    pub est: Option<String>,
    pub login: Login,
    /// The token of the platform's service of simulated cars; without it, no owner grants anything.
    pub simulation_token: Option<String>,
    /// A certificate (PEM) that the API's own leads to, when no public authority knows it.
    pub api_ca: Option<PathBuf>,
    pub region: String,
    /// Identities and queues, kept for the next start.
    pub state: PathBuf,
    /// How far physics goes in one step.
    pub step: Micros,
    /// No frame of a bus comes more often. Real ones come up to a hundred times a second, which a
    /// thousand cars on one core cannot.
    pub frame_interval_min: Micros,
    /// How long a stop may wait for the platform to take what is queued.
    pub grace: Micros,
    /// Cars that connect in a second, so that the fleet does not storm the platform.
    pub connects_per_s: u32,
    /// Cars that tell of each live batch as it leaves ([`Progress::Published`]).
    pub probes: usize,
    /// Notes each batch in this file as it is queued and answered.
    pub journal: Option<PathBuf>,
}

impl RunOptions {
    pub const REGION: &'static str = "eu";
    pub const STEP: Micros = Micros::from_millis(500);
    pub const FRAME_INTERVAL_MIN: Micros = Micros::from_millis(1_000);
    pub const GRACE: Micros = Micros::from_secs(20);
    pub const CONNECTS_PER_S: u32 = 400;
}

/// How far a start has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Enrolling {
        done: usize,
        of: usize,
    },
    /// These are the fleet.
    Enrolled {
        vehicles: Vec<VehicleId>,
    },
    Starting {
        done: usize,
        of: usize,
    },
    /// All are connected, or as many as could within a minute.
    Ready {
        vehicles: u64,
    },
    /// Once a second.
    Running {
        connected: u64,
        samples_queued: u64,
        samples_acknowledged: u64,
    },
    /// A car with a probe handed a live batch to its socket.
    Published {
        vehicle: VehicleId,
        at: Timestamp,
    },
    Stopping,
}

/// Why a fleet cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Profile(#[from] bus::Error),
    #[error("cannot {action} {}; check the folder's owner and free space", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{} is not what this version writes; remove it to enrol the fleet again", path.display())]
    State { path: PathBuf, source: serde_json::Error },
    #[error("the platform does not answer at {url}; is it running?")]
    Unreachable { url: String, source: reqwest::Error },
    #[error("the platform refused {action}: {status} {detail}")]
    Refused { action: &'static str, status: u16, detail: String },
    #[error("the platform's answer to {action} is not what the API says")]
    Answer { action: &'static str },
    #[error("a car's key could not be made")]
    Key(#[from] rcgen::Error),
    #[error("the car's certificate or the platform's CA cannot be used")]
    Tls(#[from] link::Error),
    #[error(transparent)]
    Brain(#[from] brain::Error),
    #[error("a car's task ended before its time")]
    Task(#[from] tokio::task::JoinError),
}

/// Enrols what is not enrolled yet, runs the fleet until `shutdown`, stops it in order, and reports.
pub async fn run(
    options: RunOptions,
    mut progress: impl FnMut(Progress) + Send,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Report, Error> {
    let fleet = Fleet::new(options.fleet)?;
    let identities = enrol::enrol(&options, &fleet, &mut progress).await?;
    progress(Progress::Enrolled { vehicles: identities.cars.iter().map(|car| car.vehicle).collect() });
    let journal = options.journal.as_deref().map(Journal::open).transpose()?.map(Arc::new);
    let started = clock::now();
    let shared = Arc::new(Shared::default());
    let (stop, stopped) = watch::channel(false);
    let (probe, published) = mpsc::channel(PROBE_WAITING_MAX);
    let mut running = Running {
        cars: JoinSet::new(),
        books: Vec::new(),
        shared: Arc::clone(&shared),
        probe,
        published,
        journal,
        broken: 0,
        links: Vec::new(),
    };
    let mut shutdown = std::pin::pin!(shutdown);
    let mut connected_max = 0;
    let driving = async {
        running.start(&options, &fleet, &identities, &stopped, &mut progress).await?;
        let renewals = running.renewals(&options, &identities)?;
        tokio::select! {
            () = running.watch(&mut connected_max, &mut progress) => {}
            () = renewed(renewals) => {}
        }
        Ok(())
    };
    let started_all: Result<(), Error> = tokio::select! {
        biased;
        () = &mut shutdown => Ok(()),
        failed = driving => failed,
    };
    progress(Progress::Stopping);
    stop.send_replace(true);
    let stopping = clock::now();
    // What was started sends what it has, also when the rest could not be.
    running.finish(options.grace).await;
    started_all?;
    let ran = report::Ran { started, stopping, ended: clock::now(), connected_max, broken: running.broken };
    Ok(Report::new(&fleet, &identities, &running.books, shared.stats.snapshot(), ran))
}

struct Running {
    cars: JoinSet<Result<(), brain::Error>>,
    books: Vec<Arc<CarBook>>,
    shared: Arc<Shared>,
    probe: mpsc::Sender<(VehicleId, Timestamp)>,
    published: mpsc::Receiver<(VehicleId, Timestamp)>,
    journal: Option<Arc<Journal>>,
    /// Cars that ended with an error.
    broken: usize,
    /// What each car shows, in the fleet's order.
    links: Vec<Arc<LinkIdentity>>,
}

/// Never ends by itself.
async fn renewed(renewals: Option<Renewals>) {
    if let Some(renewals) = renewals {
        renewals.run().await;
    }
    std::future::pending().await
}

impl Running {
    async fn start(
        &mut self,
        options: &RunOptions,
        fleet: &Fleet,
        identities: &Identities,
        stopped: &watch::Receiver<bool>,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<(), Error> {
        let roots = link::tls::roots(&link::tls::certificates(identities.ca_pem.as_bytes())?)?;
        let keys = Arc::new(VerifyingKeys::new([identities.desired_key]));
        let of = fleet.specs().len();
        let pause = Duration::from_secs(1) / options.connects_per_s.max(1);
        let mut pace = tokio::time::interval(pause);
        let mut probes = 0;
        for (spec, identity) in fleet.specs().iter().zip(&identities.cars) {
            pace.tick().await;
            let own = link::tls::Identity::from_pem(
                identity.certificate_pem.as_bytes(),
                identity.key_pem.as_bytes(),
            )?;
            let tls = link::tls::client_config(own, Arc::clone(&roots))?;
            let link = LinkIdentity::new(tls);
            self.links.push(Arc::clone(&link));
            let connect =
                TlsConnect::new(&options.mqtt, link, identity.vehicle, link::client::Options::default())?;
            let car = fleet.car(spec);
            let probe = (probes < options.probes && car.state().on).then(|| {
                probes += 1;
                Probe { vehicle: identity.vehicle, published: self.probe.clone() }
            });
            let page = self.journal.clone().map(|journal| journal.page(identity.vehicle));
            let book = Arc::new(CarBook::new(probe, page));
            self.books.push(Arc::clone(&book));
            let config = Config {
                keys: Arc::clone(&keys),
                shared: Arc::clone(&self.shared),
                observer: Some(book),
                ..car_config(options, spec, identity, fleet.profile(spec))
            };
            let provider = SimProvider::new(car, options, spec.index);
            let brain = Brain::open(config, Some(connect), provider)?;
            let mut stopped = stopped.clone();
            self.cars.spawn(brain.run(async move {
                // An error means that the fleet is gone, which is a reason to stop too.
                drop(stopped.wait_for(|stop| *stop).await);
            }));
            progress(Progress::Starting { done: spec.index + 1, of });
        }
        Ok(())
    }

    /// If the cars know where to renew.
    fn renewals(&self, options: &RunOptions, identities: &Identities) -> Result<Option<Renewals>, Error> {
        let place = || (options.state.clone(), options.cloud.clone(), options.fleet.seed);
        let renewals = |est: &String| Renewals::new(est, place(), identities.clone(), self.links.clone());
        options.est.as_ref().map(renewals).transpose()
    }

    /// Looks after the fleet until somebody else stops it. A car that breaks costs the others nothing.
    async fn watch(&mut self, connected_max: &mut u64, progress: &mut (impl FnMut(Progress) + Send)) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut waited_s = 0;
        let mut ready = false;
        loop {
            tokio::select! {
                Some(ended) = self.cars.join_next() => self.note(ended),
                Some((vehicle, at)) = self.published.recv() => progress(Progress::Published { vehicle, at }),
                _ = second.tick() => {
                    let stats = self.shared.stats.snapshot();
                    let connected = stats.connects.saturating_sub(stats.disconnects);
                    *connected_max = connected.max(*connected_max);
                    waited_s += 1;
                    if !ready && (connected >= self.books.len() as u64 || waited_s > READY_AFTER_S_MAX) {
                        ready = true;
                        progress(Progress::Ready { vehicles: connected });
                    }
                    progress(Progress::Running {
                        connected,
                        samples_queued: stats.samples_queued,
                        samples_acknowledged: stats.samples_acknowledged,
                    });
                }
            }
        }
    }

    /// Each car has the grace for itself, all at the same time; a little more is for the last files.
    async fn finish(&mut self, grace: Micros) {
        let all = async {
            while let Some(ended) = self.cars.join_next().await {
                self.note(ended);
            }
        };
        let limit = grace.to_duration() * 2 + Duration::from_secs(5);
        if tokio::time::timeout(limit, all).await.is_err() {
            tracing::warn!(
                cars = self.cars.len(),
                "cars did not stop in time; their queues go on at the next start"
            );
            self.cars.shutdown().await;
        }
    }

    /// A car ends in order, with an error of its own, or with its task.
    fn note(&mut self, ended: Result<Result<(), brain::Error>, tokio::task::JoinError>) {
        if let Err(error) = ended.map_err(Error::Task).and_then(|ended| ended.map_err(Error::Brain)) {
            self.broken += 1;
            tracing::error!(%error, "a car broke; the others go on");
        }
    }
}

fn car_config(options: &RunOptions, spec: &CarSpec, identity: &Identity, profile: &Arc<Profile>) -> Config {
    let folder = options.state.join("cars").join(identity.vehicle.to_string());
    let config = Config::new(identity.vehicle, folder, Arc::clone(profile.catalogue()));
    let software = format!("marque-sim {} {}", env!("CARGO_PKG_VERSION"), spec.model.architecture);
    Config {
        region: options.region.parse().ok(),
        software: software.into(),
        catalogues_dir: options.state.join("catalogues"),
        // A power cut costs a simulation nothing that matters; a thousand syncs a second would.
        queue: brain::queue::Options { sync_each: false, ..config.queue },
        clock_state: Some(ClockState::Synced),
        backoff: brain::BackoffLimits { max: Micros::from_secs(20), ..config.backoff },
        grace: options.grace,
        ..config.with_profile(Arc::clone(profile))
    }
}

#[cfg(test)]
mod tests;
