//! The gateway as a process of its own, with backends in memory and the log on disk.

use std::{collections::HashSet, io, io::Write as _, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use cloud::gateway::{
    Admission, Assignment, Backends, Config, Connectivity, Credentials, Denial, Desired, Gateway, Quota,
    Rate, Registry, Reports, Sighting, Transport, Unavailable,
};
use lake::log::{BoxFuture, EmbeddedLog, LogOptions};
use link::tls;
use model::{Brand, CampaignId, CatalogueHash, ConsentEpoch, SubjectId, Timestamp, VehicleId};
use signals::Catalogue;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use wire::{Fetch, LinkCode, Report, topic::Topic};

use super::{batches, certificates, peer};

/// The gateway's side of the bench; the bench starts it by itself.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerOptions {
    /// The core that all its threads stay on.
    #[arg(long)]
    core: usize,
    /// Where the log lies.
    #[arg(long)]
    log_dir: PathBuf,
    /// How many cars are enrolled.
    #[arg(long)]
    cars: usize,
    /// The folder of `ca.pem`, `server.pem` and `server.key`; without it there is no TLS.
    #[arg(long)]
    certificates: Option<PathBuf>,
}

/// Serves until it is told to stop; prints the address first.
pub(crate) fn run(options: &ServerOptions) -> anyhow::Result<()> {
    peer::pin_self(options.core)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(serve(options))
}

async fn serve(options: &ServerOptions) -> anyhow::Result<()> {
    let log = EmbeddedLog::open(&options.log_dir, LogOptions::default()).context("open the log")?;
    let transport = match &options.certificates {
        None => Transport::PlainLoopback,
        Some(folder) => {
            let read = |name: &str| std::fs::read(folder.join(name)).with_context(|| format!("read {name}"));
            let identity = tls::Identity::from_pem(&read("server.pem")?, &read("server.key")?)?;
            let roots = tls::roots(&tls::certificates(&read("ca.pem")?)?)?;
            Transport::Tls(tls::server_config(identity, roots)?)
        }
    };
    let (connectivity, mut news) = mpsc::channel(4_096);
    let (clones, mut cloned) = mpsc::channel(4_096);
    let (suspicions, mut suspected) = mpsc::channel(4_096);
    let backends = Backends {
        log: Arc::new(log),
        registry: Arc::new(Enrolled::new(options.cars)),
        desired: Arc::new(Nothing),
        reports: Arc::new(Nothing),
        connectivity,
        clones,
        suspicions,
    };
    let region = certificates::REGION.parse()?;
    let mut config = Config::new("127.0.0.1:0".parse()?, transport, region);
    config.workers = 1;
    // The load comes from fewer cars than it stands for.
    (config.quota, config.accepts) = (Quota::UNLIMITED, Rate::UNLIMITED);
    let gateway = Gateway::start(config, backends, &tokio::runtime::Handle::current())?;
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", gateway.address())?;
    stdout.flush()?;
    let mut stop = signal(SignalKind::terminate()).context("listen for the signal to stop")?;
    loop {
        tokio::select! {
            _ = stop.recv() => break,
            // The twin's part: to take the news.
            Some(Connectivity { .. }) = news.recv() => {}
            // Each car begins its turns elsewhere, so that its numbers go back once.
            Some(Sighting { .. }) = suspected.recv() => {}
            Some(Sighting { .. }) = cloned.recv() => {}
        }
    }
    gateway.shutdown().await;
    Ok(())
}

/// A registry in memory.
#[derive(Debug)]
pub(in crate::bench) struct Enrolled {
    vehicles: HashSet<VehicleId>,
    catalogue: CatalogueHash,
}

impl Enrolled {
    pub(in crate::bench) fn new(cars: usize) -> Self {
        Self { vehicles: (0..cars).map(certificates::vehicle).collect(), catalogue: Catalogue::core().hash() }
    }
}

impl Registry for Enrolled {
    fn admit(&self, who: Credentials) -> BoxFuture<'static, Result<Admission, Denial>> {
        let known = self.vehicles.contains(&who.vehicle);
        Box::pin(async move {
            if !known {
                return Err(Denial::UnknownVehicle);
            }
            Ok(Admission {
                subject: SubjectId::from_bytes(*who.vehicle.as_bytes()),
                brand: Brand::Peugeot,
                first_epoch: ConsentEpoch(0),
                campaigns: [Assignment {
                    campaign: batches::CAMPAIGN,
                    version: batches::VERSION,
                    purpose: batches::PURPOSE,
                    ended_at: None,
                }]
                .into_iter()
                .collect(),
                until: None,
            })
        })
    }

    fn knows_catalogue(&self, catalogue: CatalogueHash) -> bool {
        catalogue == self.catalogue
    }

    fn knows_campaign(&self, campaign: CampaignId) -> bool {
        campaign == batches::CAMPAIGN
    }
}

/// No desired state, and reports that nobody reads.
#[derive(Debug)]
pub(in crate::bench) struct Nothing;

impl Desired for Nothing {
    fn newer(&self, _: VehicleId, _: Fetch) -> BoxFuture<'static, Result<Vec<(Topic, Bytes)>, Unavailable>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Reports for Nothing {
    fn report(&self, _: VehicleId, _: Timestamp, _: Report) -> BoxFuture<'static, Result<(), Unavailable>> {
        Box::pin(async { Ok(()) })
    }

    fn shows_code(
        &self,
        _: VehicleId,
        _: Timestamp,
        _: LinkCode,
    ) -> BoxFuture<'static, Result<(), Unavailable>> {
        Box::pin(async { Ok(()) })
    }
}
