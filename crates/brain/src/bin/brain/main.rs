//! The car's software as a program of its own, small enough for a gateway computer.

mod args;
mod source;

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use brain::{
    Brain, Config, Renewal, Shared, TlsConnect, clock,
    enrolment::{Current, EstClient, Identity, LinkIdentity},
    keystore::SoftKeyStore,
};
use bus::profile::Profile;
use clap::Parser as _;
use model::VehicleId;
use signals::{Catalogue, Vspec};
use tokio::signal::unix::{SignalKind, signal};

use args::{BusSource, Cli, Command, Enrol, Run};
use source::Source;

/// The id of a car that has no certificate yet; it never meets a platform.
const UNNAMED: VehicleId = VehicleId::from_bytes([0; 16]);

fn main() -> Result<()> {
    let Cli { command } = Cli::parse();
    let log = match &command {
        Command::Run(args) => args.log,
        Command::Enrol(args) => args.log,
    };
    let terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_max_level(log).with_ansi(terminal).with_writer(std::io::stderr).init();
    // One thread: a car's bus brings some ten thousand signals a second, which take a few percent.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the runtime")?;
    match command {
        Command::Run(args) => runtime.block_on(run(&args)),
        Command::Enrol(args) => runtime.block_on(enrol(&args)),
    }
}

async fn run(args: &Run) -> Result<()> {
    let catalogue = catalogue(args.vss.as_deref())?;
    let profile = profile(args, &catalogue)?;
    let mut config = Config::new(UNNAMED, args.data.clone(), catalogue);
    config.queue.bytes_max = args.queue_mib * 1024 * 1024;
    config.end_with_source = matches!(args.bus, BusSource::Replay { .. });
    for path in profile.unknown_paths() {
        tracing::info!(%path, "the catalogue lacks a signal of the profile; it is left out");
    }
    let shared = Arc::clone(&config.shared);
    let (connector, renewal) = connector(args, &mut config)?;
    let source =
        Source::open(&args.bus, &args.bus_peers, profile.transport()).context("open the car's network")?;
    let brain =
        Brain::open(config.with_profile(profile), connector, source).context("open the car's folder")?;
    tokio::select! {
        biased;
        result = brain.run(interrupted()?) => result.context("run the car")?,
        () = print_stats(&shared, args.stats_s) => {}
        () = renew(renewal) => {}
    }
    print(&shared)
}

fn catalogue(vss: Option<&Path>) -> Result<Arc<Catalogue>> {
    let Some(path) = vss else { return Ok(Catalogue::core()) };
    let text = read_text(path)?;
    let read = Vspec::read(&text).with_context(|| format!("read the catalogue {}", path.display()))?;
    for leaf in &read.redefined {
        tracing::info!(
            path = leaf.path,
            in_file = leaf.in_file,
            used = leaf.registered,
            "the registered type is used"
        );
    }
    Ok(Arc::new(read.catalogue))
}

fn profile(args: &Run, catalogue: &Arc<Catalogue>) -> Result<Arc<Profile>> {
    let text = Profile::builtin_text(&args.profile).context("find the profile")?;
    let Some(path) = &args.dbc else {
        return Ok(Arc::new(Profile::parse(text, catalogue).context("load the profile")?));
    };
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let dbc = bus::dbc::read(&bytes).with_context(|| format!("read the DBC {}", path.display()))?;
    let profile = Profile::parse_external(text, &dbc.database, catalogue);
    Ok(Arc::new(profile.context("load the profile")?))
}

/// What keeps the certificate young, and the one that there is.
type Renewing = Option<(Renewal, Current)>;

/// Who the car is and whom it obeys, and how to reach the platform.
fn connector(args: &Run, config: &mut Config) -> Result<(Option<TlsConnect>, Renewing)> {
    if let Some(path) = &args.desired_keys {
        config.keys =
            Arc::new(brain::desired_keys(&read_text(path)?).context("read the desired-state keys")?);
    }
    let (link, renewal) = match (&args.cert, &args.key, &args.ca) {
        (Some(cert), Some(key), Some(ca)) => (Some(given(cert, key, ca, config)?), None),
        (_, _, _) => enrolled(args, config)?,
    };
    let Some(cloud) = &args.cloud else { return Ok((None, renewal)) };
    let link =
        link.context("name the car: run `brain enrol` with this --data, or give --cert, --key, --ca")?;
    let options = link::client::Options::default();
    let connector = TlsConnect::new(cloud, link, config.vehicle, options).context("read --cloud")?;
    Ok((Some(connector), renewal))
}

/// A certificate that somebody else takes care of.
fn given(cert: &Path, key: &Path, ca: &Path, config: &mut Config) -> Result<Arc<LinkIdentity>> {
    let identity = link::tls::Identity::from_pem(read_text(cert)?.as_bytes(), read_text(key)?.as_bytes())
        .context("read the car's certificate and key")?;
    let leaf = identity.chain.first().context("read the car's certificate")?;
    let name = brain::vehicle_urn(leaf).context("read the car's name")?;
    (config.vehicle, config.region) = (name.vehicle, Some(name.region));
    let authorities = link::tls::certificates(read_text(ca)?.as_bytes()).context("read the authorities")?;
    let roots = link::tls::roots(&authorities).context("read the authorities")?;
    Ok(LinkIdentity::new(link::tls::client_config(identity, roots).context("set up TLS")?))
}

/// What `brain enrol` left.
fn enrolled(args: &Run, config: &mut Config) -> Result<(Option<Arc<LinkIdentity>>, Renewing)> {
    let identity = identity(&args.data)?;
    let Some(current) = identity.current().context("read the car's certificate")? else {
        anyhow::ensure!(args.est.is_none(), "the car is not enrolled; run `brain enrol` first");
        return Ok((None, None));
    };
    (config.vehicle, config.region) = (current.urn.vehicle, Some(current.urn.region.clone()));
    let link = LinkIdentity::new(current.link_config().context("set up TLS")?);
    let Some(est) = &args.est else { return Ok((Some(link), None)) };
    let est = EstClient::new(est).context("read --est")?;
    let renewal = Renewal { identity, est, link: Arc::clone(&link), clock: clock::system };
    Ok((Some(link), Some((renewal, current))))
}

async fn enrol(args: &Enrol) -> Result<()> {
    let est = EstClient::new(&args.est).context("read --est")?;
    let credential = read_text(&args.credential_file)?;
    let authorities = read_text(&args.ca)?;
    let identity = identity(&args.data)?;
    let enrolled = identity.enrol(&est, args.vehicle, credential.trim(), authorities.as_bytes()).await;
    let current = enrolled.context("enrol the car")?;
    writeln!(std::io::stdout(), "enrolled as {}", current.urn).context("say so")
}

/// Keys in files; a control unit with a TPM brings another [`brain::keystore::KeyStore`].
fn identity(data: &Path) -> Result<Identity> {
    let folder = data.join("identity");
    let keys = SoftKeyStore::open(folder.join("keys")).context("open the car's keys")?;
    Ok(Identity::new(folder, Arc::new(keys)))
}

async fn renew(renewing: Renewing) {
    match renewing {
        Some((renewal, current)) => renewal.run(current).await,
        None => std::future::pending().await,
    }
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// Ends with Ctrl-C or SIGTERM.
fn interrupted() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn print_stats(shared: &Shared, every_s: u64) {
    if every_s == 0 {
        return std::future::pending().await;
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(every_s));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if let Err(error) = print(shared) {
            tracing::warn!(%error, "the counters cannot be printed");
        }
    }
}

fn print(shared: &Shared) -> Result<()> {
    let seconds = clock::system().0 / 1_000_000;
    writeln!(std::io::stdout(), "at={seconds} {}", shared.stats.snapshot()).context("print the counters")
}
