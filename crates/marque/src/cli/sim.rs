//! `marque sim`: a simulated fleet that drives against a platform.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use ::sim::{
    FleetOptions,
    run::{Login, Progress, Report, RunOptions, mqtt_of},
};
use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use model::Micros;
use serde_json::json;

use super::signal;

/// Cars whose live batches are told one by one.
const PROBES: usize = 12;

/// A line of progress for who watches a log instead of a terminal.
const LOG_EVERY_S: u64 = 10;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The platform's API, for example `http://127.0.0.1:8080`.
    #[arg(long, value_name = "URL")]
    cloud: String,

    /// Where cars connect; the API's host at port 8883 without it.
    #[arg(long, value_name = "HOST:PORT")]
    mqtt: Option<String>,

    /// Where cars renew their certificates, `https://HOST:PORT`; without it they drive until these end.
    #[arg(long, value_name = "URL")]
    est: Option<String>,

    /// Keys, certificates and queues of the cars, kept for the next start.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,

    /// How many cars; brands and architectures evenly.
    #[arg(long, default_value_t = 140, value_name = "N")]
    vehicles: usize,

    /// The same seed, the same cars and drivers.
    #[arg(long, default_value_t = FleetOptions::SEED)]
    seed: u64,

    /// Stop after so many seconds; on Ctrl-C without it.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,

    /// A file with an API token.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "password_file",
        required_unless_present = "password_file"
    )]
    token_file: Option<PathBuf>,

    /// The account to sign in with.
    #[arg(long, default_value = "operator", value_name = "NAME")]
    username: String,

    /// A file with the account's password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// A file with the token of the platform's service of simulated cars, which says what their owners grant:
    /// `simulation-token` in its data folder. Without it, no owner grants anything.
    #[arg(long, value_name = "FILE")]
    simulation_token_file: Option<PathBuf>,

    /// A PEM file with the authority of the API's certificate, when no public one knows it.
    #[arg(long, value_name = "FILE")]
    api_ca: Option<PathBuf>,

    /// The region that the cars belong to.
    #[arg(long, default_value = RunOptions::REGION)]
    region: String,

    /// How many owners of a hundred grant location.
    #[arg(long, default_value_t = 85.0, value_name = "PERCENT")]
    location: f64,

    /// How far physics goes in one step, in milliseconds.
    #[arg(long, default_value_t = RunOptions::STEP.0 / 1_000, value_name = "MS", value_parser = clap::value_parser!(i64).range(10..=10_000))]
    step_ms: i64,

    /// No frame of a bus comes more often, in milliseconds.
    #[arg(long, default_value_t = RunOptions::FRAME_INTERVAL_MIN.0 / 1_000, value_name = "MS", value_parser = clap::value_parser!(i64).range(10..=10_000))]
    frame_ms: i64,

    /// How long a stop may wait for the platform to take what is queued.
    #[arg(long, default_value_t = RunOptions::GRACE.0 / 1_000_000, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..=3_600))]
    grace: i64,

    /// Cars that connect in a second.
    #[arg(long, default_value_t = RunOptions::CONNECTS_PER_S, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    connects_per_s: u32,

    /// Tell on stdout what happens, a line of JSON each, and time the live batches of some cars.
    #[arg(long)]
    events: bool,

    /// Stop when standard input closes, as it does when the process at its other end dies.
    #[arg(long)]
    while_stdin: bool,

    /// Write what the fleet counted to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Note each batch in this file as it is queued and answered, a line each; unlike the report it
    /// is there after a crash, too.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let settings = settings(options)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")?;
    let mut watch = Watch::new(options.events);
    let report =
        runtime.block_on(::sim::run::run(settings, |progress| watch.show(progress), end_of_run(options)));
    let report = report.context("run the fleet")?;
    if let Some(path) = &options.report {
        let json = serde_json::to_vec_pretty(&report).context("write the report")?;
        fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
    }
    summarize(&report);
    Ok(())
}

fn settings(options: &Options) -> anyhow::Result<RunOptions> {
    let login = match (&options.token_file, &options.password_file) {
        (Some(file), _) => Login::Token(secret(file)?),
        (None, Some(file)) => Login::Password { username: options.username.clone(), password: secret(file)? },
        (None, None) => anyhow::bail!("give --token-file or --password-file"),
    };
    let mqtt = options.mqtt.clone().or_else(|| mqtt_of(&options.cloud));
    let mqtt =
        mqtt.with_context(|| format!("find the host in `{}`; write it as http://HOST:PORT", options.cloud))?;
    let fleet = FleetOptions {
        seed: options.seed,
        location_percent: options.location.clamp(0.0, 100.0),
        ..FleetOptions::new(options.vehicles)
    };
    Ok(RunOptions {
        fleet,
        cloud: options.cloud.clone(),
        mqtt,
        est: options.est.clone(),
        login,
        simulation_token: options.simulation_token_file.as_deref().map(secret).transpose()?,
        api_ca: options.api_ca.clone(),
        region: options.region.clone(),
        state: options.state.clone(),
        step: Micros::from_millis(options.step_ms),
        frame_interval_min: Micros::from_millis(options.frame_ms),
        grace: Micros::from_secs(options.grace),
        connects_per_s: options.connects_per_s,
        probes: if options.events { PROBES } else { 0 },
        journal: options.journal.clone(),
    })
}

fn secret(file: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    Ok(text.trim().to_owned())
}

/// The time is over, or somebody says stop.
async fn end_of_run(options: &Options) {
    let over = async {
        match options.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = over => {}
        () = signal::stop_order() => {}
        () = stdin_closed(), if options.while_stdin => {}
    }
}

async fn stdin_closed() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    // A thread that nobody waits for: the runtime's own would hold up the end of a run until it has read.
    std::thread::spawn(move || {
        // An input that cannot be read is as good as closed.
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        closed.send(()).ok();
    });
    wait.await.ok();
}

/// Shows how far a run is: a bar on a terminal, a line now and then in a log.
struct Watch {
    bar: Option<ProgressBar>,
    seconds: u64,
    events: bool,
}

impl Watch {
    fn new(events: bool) -> Self {
        // Who reads events shows progress in their own way.
        let bar = (!events && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{msg:24} {wide_bar} {pos}/{len}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, seconds: 0, events }
    }

    fn show(&mut self, progress: Progress) {
        if self.events {
            tell(&progress);
        }
        match progress {
            Progress::Enrolling { done, of } => self.step("enrolling cars", done, of),
            Progress::Enrolled { .. } | Progress::Published { .. } => {}
            Progress::Starting { done, of } => self.step("starting cars", done, of),
            Progress::Ready { vehicles } => tracing::info!(vehicles, "the fleet is connected"),
            Progress::Running { connected, samples_queued, samples_acknowledged } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                if self.seconds.is_multiple_of(LOG_EVERY_S) {
                    tracing::info!(
                        connected,
                        samples_queued,
                        samples_acknowledged,
                        "the fleet is on the road"
                    );
                }
                self.seconds += 1;
            }
            Progress::Stopping => tracing::info!("stopping: sending what is queued"),
        }
    }

    fn step(&self, what: &'static str, done: usize, of: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(what);
                bar.set_length(of as u64);
                bar.set_position(done as u64);
            }
            None if done == of || done.is_multiple_of(500) => tracing::info!(done, of, "{what}"),
            None => {}
        }
    }
}

/// What happened, a line of JSON for each, for the process that started this one.
fn tell(progress: &Progress) {
    let event = match progress {
        Progress::Enrolling { done, .. } => json!({ "event": "enrolling", "vehicles": done }),
        Progress::Enrolled { vehicles } => {
            let ids: Vec<String> = vehicles.iter().map(ToString::to_string).collect();
            json!({ "event": "enrolled", "vehicle_ids": ids })
        }
        Progress::Starting { done, .. } => json!({ "event": "started", "vehicles": done }),
        Progress::Ready { vehicles } => json!({ "event": "running", "vehicles": vehicles }),
        Progress::Published { vehicle, at } => {
            json!({ "event": "published", "vehicle_id": vehicle.to_string(), "at": at.0 })
        }
        Progress::Running { .. } | Progress::Stopping => return,
    };
    // Who has stopped listening ends this process by other means.
    let _closed = writeln!(io::stdout().lock(), "{event}").is_err();
}

fn summarize(report: &Report) {
    tracing::info!(
        vehicles = report.vehicles,
        vehicles_connected = report.vehicles_connected,
        vehicles_broken = report.vehicles_broken,
        duration_s = report.duration_s,
        samples_sent = report.samples_sent,
        samples_acknowledged = report.samples_acknowledged,
        samples_refused = report.samples_refused,
        wire_bytes_per_sample = report.wire_bytes_per_sample,
        "the fleet has stopped"
    );
}
