//! The platform put together: what starts in which order, what belongs to whom, and how it all ends.
//!
//! It starts from the inside out (keys, SQL, log, owner, gateway, API) and stops from the outside in, so that
//! nothing is asked of a part that is not there.

use std::{
    fs::DirBuilder,
    io,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use lake::{
    Lake, LakeOptions,
    log::{DurableLog, EmbeddedLog, LogError, LogOptions},
};
use model::SubjectId;
use store::Store;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    accounts::FirstRunError,
    audit::{self, Audit, AuditError},
    catalogues::{CatalogueError, Catalogues},
    clock::Clock,
    config::{Config, Database},
    est::{self, Est},
    gateway::{self, Gateway},
    http::{
        self, Probe,
        server::{Server, ServerError},
    },
    metrics::Metrics,
    oidc::CallError,
    owner::{Owner, OwnerError, OwnerOptions, OwnerParts, StoredCampaigns, Twins},
    pki::{Pki, PkiError, ServerIdentity},
    presence::Presence,
    seal::SealError,
    services::ServiceError,
};

mod adapters;
mod claim;
mod control;

use adapters::Told;
use claim::Claim;
use control::{Around, Control};

/// Connections that come and go and whose word is not yet taken; a fleet that comes back at once.
const CONNECTIVITY_MAX: usize = 4_096;
/// Clones that are not yet taken, and suspicions; a car gives rise to one or two.
const SIGHTINGS_MAX: usize = 1_024;
/// Notices to cars; more than that are left out.
const NOTICES_MAX: usize = 1_024;
/// What a stop waits for the last rows to be in Delta, and for what the committer is at; after that the log has
/// the rows.
const FLUSH_PATIENCE: Duration = Duration::from_secs(30);

/// Why the platform does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{} is a file, and the data folder cannot be made there; name a folder with --data", path.display())]
    FolderIsFile { path: PathBuf },
    #[error("cannot create the data folder {}; check its owner and the free space", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "the data folder is of the region `{found}`, but the configuration says `{wanted}`; a region is a cell of its own: give each its own folder"
    )]
    OtherRegion { found: String, wanted: String },
    #[error(
        "the database belongs to the data folder named {found}, this one is {own}; start with that folder, or with another database. If that folder is lost for ever, delete `data_folder` from the table `settings`"
    )]
    OtherData { found: String, own: String },
    #[error("the platform at {holder} runs on this database; stop it first")]
    OtherPlatform { holder: String },
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Catalogues(#[from] CatalogueError),
    #[error(transparent)]
    FirstRun(#[from] FirstRunError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Lake(#[from] lake::Error),
    #[error(transparent)]
    Owner(#[from] OwnerError),
    #[error(transparent)]
    Link(#[from] link::Error),
    #[error(transparent)]
    Gateway(#[from] gateway::Error),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Services(#[from] ServiceError),
    #[error("the client of an identity provider cannot be set up")]
    Oidc(#[from] CallError),
    #[error("the policies do not load")]
    Policies(#[from] identity::Error),
}

/// Where it listens.
#[derive(Debug, Clone, Copy)]
struct Addresses {
    http: SocketAddr,
    mqtt: SocketAddr,
    est: SocketAddr,
}

/// A running platform.
#[derive(Debug)]
pub struct Platform {
    at: Addresses,
    tls: bool,
    operator_made: bool,
    router: Router,
    store: Store,
    audit: Audit,
    claim: Claim,
    twins: Twins,
    owner: Arc<Owner>,
    gateway: Option<Arc<Gateway>>,
    /// Stops streams and listeners.
    stopping: CancellationToken,
    /// Cancelled when a part that cannot be restarted has ended by itself.
    failed: CancellationToken,
    serving: JoinSet<()>,
    tasks: JoinSet<()>,
}

impl Platform {
    /// Starts everything; when it returns, cars and people are served.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        let now = clock.now();
        create_folder(&config.data)?;
        let pki = Arc::new(open_pki(&config, now)?);
        // Bound first: a port in use is told before anything else takes time.
        let server = Server::bind(config.http.listen, http_tls(&config, &pki)?)?;
        let (claim, store) = open_store(&config).await?;
        let (metrics, presence) = (Metrics::default(), Presence::default());
        let control = Control::load(&config, server.address(), &store, &pki, &metrics, &clock).await?;
        let (notices, notices_out) = mpsc::channel(NOTICES_MAX);
        let (owner, log) = start_owner(&config, &store, &control.catalogues, &clock, notices).await?;
        let log_probe = adapters::log_probe(&log);
        let (gateway, told) = start_gateway(&config, &pki, log, &control, &clock)?;
        let (stopping, failed) = (CancellationToken::new(), CancellationToken::new());
        let (est_server, est) = bind_est(&config, &pki, &control, &clock, &metrics)?;
        let api = control.api(Around {
            twins: owner.twins(),
            history: owner.history(),
            probes: probes(log_probe, &owner, &gateway),
            metrics,
            store: store.clone(),
            presence: presence.clone(),
            config: config.http.clone(),
            stopping: stopping.clone(),
            pki: Arc::clone(&pki),
            clock: clock.clone(),
        });
        let (heard, tells) = ((presence, control.quarantine), (control.desired.hints(), notices_out));
        let mut tasks = adapters::follow_gateway(told, heard, tells, &control.registry, &gateway);
        tasks.spawn(api.clone().tend());
        tasks.spawn(watch(Arc::clone(&owner), Arc::clone(&gateway), failed.clone()));
        tasks.spawn(claim.clone().keep(store.clone(), failed.clone()));
        tasks.spawn(control.services.keep_simulation(config.simulation_token_file(), clock.clone()));
        tasks.spawn(renew_certificate(Arc::clone(&pki), clock.clone()));
        let router = http::router(api);
        let at = Addresses { http: server.address(), mqtt: gateway.address(), est: est_server.address() };
        let serving = serve([(server, router.clone()), (est_server, est)], &stopping);
        tracing::info!(http = %at.http, mqtt = %at.mqtt, est = %at.est, region = %config.region, "the platform runs");
        Ok(Self {
            at,
            tls: config.http.tls,
            operator_made: control.operator_made,
            router,
            store,
            audit: control.audit,
            claim,
            twins: owner.twins(),
            owner,
            gateway: Some(gateway),
            stopping,
            failed,
            serving,
            tasks,
        })
    }

    /// Where the API and the console listen.
    pub fn http_address(&self) -> SocketAddr {
        self.at.http
    }

    /// The address for a browser on this machine.
    pub fn url(&self) -> String {
        url_of(self.tls, self.at.http)
    }

    /// Where cars connect.
    pub fn mqtt_address(&self) -> SocketAddr {
        self.at.mqtt
    }

    /// Where cars get their certificates.
    pub fn est_address(&self) -> SocketAddr {
        self.at.est
    }

    /// Whether this start made the operator's account; its password stands in the data folder.
    pub fn operator_made(&self) -> bool {
        self.operator_made
    }

    /// The API without a socket, for tests.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The region's audit log.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// What the owner has counted.
    pub fn twins(&self) -> &Twins {
        &self.twins
    }

    /// What the gateway has counted since the start.
    pub fn gateway_metrics(&self) -> gateway::Snapshot {
        self.gateway.as_ref().map(|gateway| gateway.metrics()).unwrap_or_default()
    }

    /// Ends when all that is acknowledged now is in Delta.
    pub async fn flush(&self) -> Result<(), OwnerError> {
        self.owner.flush().await
    }

    /// Ends when a part has failed that cannot go on; the program's log says why. Stop the platform then.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Stops in good order: no more requests, cars are told goodbye, what is acknowledged is in Delta.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        while let Some(ended) = self.serving.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the API's listener did not end well");
            }
        }
        self.tasks.shutdown().await;
        match self.gateway.take().map(Arc::into_inner) {
            Some(Some(gateway)) => gateway.shutdown().await,
            Some(None) | None => tracing::warn!("somebody still asks the gateway; it ends when they let go"),
        }
        let deadline = Instant::now() + FLUSH_PATIENCE;
        match timeout_at(deadline, self.owner.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last rows stay in the log"),
            Err(_elapsed) => tracing::warn!("the last rows stay in the log; writing them took too long"),
        }
        match Arc::into_inner(self.owner) {
            Some(owner) => owner.finish(deadline).await,
            None => tracing::warn!("somebody still asks the owner; it ends when they let go"),
        }
        self.audit.stop().await;
        self.claim.release(&self.store).await;
        self.store.close().await;
        tracing::info!("the platform has stopped");
    }
}

fn url_of(tls: bool, address: SocketAddr) -> String {
    format!("{}://{address}", if tls { "https" } else { "http" })
}

fn open_pki(config: &Config, now: model::Timestamp) -> Result<Pki, PkiError> {
    Pki::open(&config.pki_folder(), &config.region, &config.hostnames, config.car_validity, now)
}

async fn open_store(config: &Config) -> Result<(Claim, Store), StartError> {
    let store = match &config.database {
        Database::Sqlite(path) => Store::sqlite(path).await?,
        Database::Postgres { url } => Store::postgres(url).await?,
    };
    let found = store.fix_setting("region", config.region.as_str()).await?;
    if found != config.region.as_str() {
        let wanted = config.region.to_string();
        return Err(StartError::OtherRegion { found, wanted });
    }
    Claim::take(store, &config.data).await
}

fn bind_est(
    config: &Config,
    pki: &Arc<Pki>,
    control: &Control,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<(Server, Router), StartError> {
    let tls = est::tls_config(pki, control.registry.clone(), clock.clone())?;
    let est = Est::new(
        control.enrolment.clone(),
        control.registry.clone(),
        Arc::clone(pki),
        clock.clone(),
        control.audit.clone(),
        metrics,
    );
    Ok((Server::bind(config.est, Some(tls))?, est::router(est)))
}

async fn start_audit(config: &Config, store: &Store, metrics: &Metrics) -> Result<Audit, AuditError> {
    let place = audit::Place {
        region: config.region.clone(),
        folder: config.audit_folder(),
        keys: config.pki_folder(),
    };
    Audit::start(&place, store.clone(), metrics).await
}

/// The log and the owner of its one shard, which has read it to its end.
async fn start_owner(
    config: &Config,
    store: &Store,
    catalogues: &Catalogues,
    clock: &Clock,
    notices: mpsc::Sender<(SubjectId, wire::Notice)>,
) -> Result<(Arc<Owner>, Arc<dyn DurableLog>), StartError> {
    let log: Arc<dyn DurableLog> = Arc::new(EmbeddedLog::open(&config.log_folder(), LogOptions::default())?);
    let parts = OwnerParts {
        log: Arc::clone(&log),
        lake: Arc::new(Lake::open(&config.lake_folder(), &LakeOptions::default())?),
        ledger: Arc::new(store.clone()),
        catalogues: catalogues.clone(),
        collects: Arc::new(StoredCampaigns::new(store.clone(), catalogues.clone())),
        clock: clock.clone(),
        notices,
    };
    let options = OwnerOptions { flush_age: config.flush_age, ..OwnerOptions::default() };
    let owner = Owner::start(parts, options).await?;
    owner.caught_up().await?;
    Ok((Arc::new(owner), log))
}

fn backends(log: Arc<dyn DurableLog>, control: &Control, clock: &Clock) -> (gateway::Backends, Told) {
    let (connectivity, connectivity_out) = mpsc::channel(CONNECTIVITY_MAX);
    let (clones, clones_out) = mpsc::channel(SIGHTINGS_MAX);
    let (suspicions, suspicions_out) = mpsc::channel(SIGHTINGS_MAX);
    let admissions =
        adapters::Admissions::new(control.registry.clone(), control.catalogues.clone(), clock.clone());
    let backends = gateway::Backends {
        log,
        registry: Arc::new(admissions),
        desired: Arc::new(adapters::Envelopes(control.desired.clone())),
        reports: Arc::new(adapters::Reports {
            desired: control.desired.clone(),
            ownership: control.ownership.clone(),
        }),
        connectivity,
        clones,
        suspicions,
    };
    (backends, Told { connectivity: connectivity_out, clones: clones_out, suspicions: suspicions_out })
}

fn serve(routers: [(Server, Router); 2], stopping: &CancellationToken) -> JoinSet<()> {
    let mut serving = JoinSet::new();
    for (server, router) in routers {
        serving.spawn(server.run(router, stopping.clone()));
    }
    serving
}

fn http_tls(config: &Config, pki: &Pki) -> Result<Option<Arc<rustls::ServerConfig>>, ServerError> {
    if !config.http.tls {
        return Ok(None);
    }
    let identity: Arc<ServerIdentity> = Arc::clone(pki.server());
    http::server::tls_config(identity, config.http.tls12).map(Some)
}

/// The gateway, and what it tells.
fn start_gateway(
    config: &Config,
    pki: &Pki,
    log: Arc<dyn DurableLog>,
    control: &Control,
    clock: &Clock,
) -> Result<(Arc<Gateway>, Told), StartError> {
    let (backends, told) = backends(log, control, clock);
    let identity: Arc<ServerIdentity> = Arc::clone(pki.server());
    let roots = link::tls::roots(&link::tls::certificates(pki.ca_pem().as_bytes())?)?;
    let transport = gateway::Transport::Tls(link::tls::server_config_with(identity, roots)?);
    let options = gateway::Config::new(config.mqtt, transport, config.region.clone());
    Ok((Arc::new(Gateway::start(options, backends, &Handle::current())?), told))
}

/// A platform may run for longer than its certificate.
async fn renew_certificate(pki: Arc<Pki>, clock: Clock) {
    /// A renewal that fails has a month to succeed.
    const INTERVAL: Duration = Duration::from_secs(3_600);
    let mut hour = tokio::time::interval(INTERVAL);
    loop {
        hour.tick().await;
        let (pki, now) = (Arc::clone(&pki), clock.now());
        match tokio::task::spawn_blocking(move || pki.renew_server(now)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(%error, "the server's certificate could not be renewed"),
            Err(error) => tracing::error!(%error, "the server's certificate could not be renewed"),
        }
    }
}

/// What readiness and metrics ask of the other parts.
fn probes(log_probe: Probe, owner: &Arc<Owner>, gateway: &Arc<Gateway>) -> Vec<Probe> {
    let running = Arc::downgrade(owner);
    let status = Arc::downgrade(owner);
    // Weak, so that a stop is not held up by who asks how things are.
    let (counted, serving) = (Arc::downgrade(gateway), Arc::downgrade(gateway));
    let owner_probe = Probe {
        name: "owner",
        check: Box::new(move || match running.upgrade() {
            Some(owner) if owner.is_running() => Ok(()),
            Some(_) | None => Err("the shard's owner has stopped; the log has the reason".to_owned()),
        }),
        metrics: Box::new(move || {
            status.upgrade().map(|owner| adapters::owner_metrics(&owner)).unwrap_or_default()
        }),
    };
    let gateway_probe = Probe {
        name: "gateway",
        check: Box::new(move || match serving.upgrade() {
            Some(gateway) if gateway.is_running() => Ok(()),
            Some(_) | None => Err("a worker of the gateway has ended; the log has the reason".to_owned()),
        }),
        metrics: Box::new(move || {
            counted.upgrade().map(|gateway| adapters::gateway_metrics(&gateway)).unwrap_or_default()
        }),
    };
    vec![log_probe, owner_probe, gateway_probe]
}

/// An owner that ended by itself leaves the gateway acknowledging what nobody reads, and a worker of the gateway
/// that did takes its cars with it: better to start anew.
async fn watch(owner: Arc<Owner>, gateway: Arc<Gateway>, failed: CancellationToken) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    while owner.is_running() && gateway.is_running() {
        second.tick().await;
    }
    let (owner, gateway) = (owner.is_running(), gateway.is_running());
    tracing::error!(owner, gateway, "a part of the platform has ended by itself");
    failed.cancel();
}

/// Personal data lies in it: its owner only.
fn create_folder(path: &Path) -> Result<(), StartError> {
    if path.ancestors().find(|part| part.exists()).is_some_and(Path::is_file) {
        return Err(StartError::FolderIsFile { path: path.to_owned() });
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| StartError::Folder { path: path.to_owned(), source })
}
