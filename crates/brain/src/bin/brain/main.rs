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
use brain::{Brain, Config, Shared, TlsConnect, clock};
use bus::profile::Profile;
use clap::Parser as _;
use model::VehicleId;
use signals::{Catalogue, Vspec};
use tokio::signal::unix::{SignalKind, signal};

use args::{BusSource, Cli, Command, Run};
use source::Source;

/// The id of a car that has no certificate yet; it never meets a platform.
const UNNAMED: VehicleId = VehicleId::from_bytes([0; 16]);

fn main() -> Result<()> {
    let Cli { command } = Cli::parse();
    let Command::Run(args) = command;
    let terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_max_level(args.log)
        .with_ansi(terminal)
        .with_writer(std::io::stderr)
        .init();
    // One thread: a car's bus brings some ten thousand signals a second, which take a few percent.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("start the runtime")?.block_on(run(&args))
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
    let connector = connector(args, &mut config)?;
    let source =
        Source::open(&args.bus, &args.bus_peers, profile.transport()).context("open the car's network")?;
    let brain =
        Brain::open(config.with_profile(profile), connector, source).context("open the car's folder")?;
    tokio::select! {
        biased;
        result = brain.run(interrupted()?) => result.context("run the car")?,
        () = print_stats(&shared, args.stats_s) => {}
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

/// Who the car is and whom it obeys, and how to reach the platform.
fn connector(args: &Run, config: &mut Config) -> Result<Option<TlsConnect>> {
    if let Some(path) = &args.desired_keys {
        config.keys =
            Arc::new(brain::desired_keys(&read_text(path)?).context("read the desired-state keys")?);
    }
    if let Some(path) = &args.cert {
        let chain = link::tls::certificates(read_text(path)?.as_bytes());
        let chain = chain.context("read the car's certificate")?;
        let leaf = chain.first().context("read the car's certificate")?;
        config.vehicle = brain::vehicle_urn(leaf).context("read the car's name")?.vehicle;
    }
    let (Some(cloud), Some(cert), Some(key), Some(ca)) = (&args.cloud, &args.cert, &args.key, &args.ca)
    else {
        return Ok(None);
    };
    let identity = link::tls::Identity::from_pem(read_text(cert)?.as_bytes(), read_text(key)?.as_bytes())
        .context("read the car's certificate and key")?;
    let authorities = link::tls::certificates(read_text(ca)?.as_bytes()).context("read the authorities")?;
    let roots = link::tls::roots(&authorities).context("read the authorities")?;
    let tls = link::tls::client_config(identity, roots).context("set up TLS")?;
    let options = link::client::Options::default();
    Ok(Some(TlsConnect::new(cloud, tls, config.vehicle, options).context("read --cloud")?))
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
