//! A recording as a car of a platform: enrolled over the API, run by a real brain, and counted at
//! the other end.

mod books;
mod campaign;
mod enrol;
mod hashed;
mod held;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use brain::{Brain, Config, TlsConnect};
use bus::{log::Pace, profile::Profile};
use clap::Args;
use model::{Brand, Micros, QueueEpoch, Timestamp, VehicleId};
use serde_json::Value;
use tokio::{net::TcpStream, sync::oneshot};
use wire::{ClockState, VerifyingKeys};

use crate::{
    cli::api::{Api, Login},
    clock,
};
use books::{Decoded, Report};
use enrol::Car;
use held::HeldReplay;

/// What the car's samples are collected for, and the owner grants.
const PURPOSE: &str = "fleet-management";

/// How long a car may take until it runs what the platform wants, and samples until they are seen.
const PATIENCE: Duration = Duration::from_secs(60);

/// The platform sees at once when a car leaves, also that of a replay that was killed.
const GONE_PATIENCE: Duration = Duration::from_secs(5);

/// A platform that runs answers at once.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// A replay at the speed of its recording waits no longer for the end of what the car has said before.
const WAIT_MAX: Micros = Micros(10 * Micros::SECOND.0);

const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(crate) struct CloudOptions {
    /// Where cars connect; the API's host at port 8883 without it.
    #[arg(long, value_name = "HOST:PORT")]
    mqtt: Option<String>,

    #[command(flatten)]
    login: Login,

    /// A file with the token of the platform's service of simulated cars, which registers the recorded car with what
    /// its owner grants; the platform must run with `--simulated-cars`. Beside the password's file without it.
    #[arg(long, value_name = "FILE")]
    simulation_token_file: Option<PathBuf>,

    /// The car that the log is played as: the same name, brand and profile are the same car. Without it, the same
    /// content of the log is the same car.
    #[arg(long, value_name = "NAME")]
    vehicle: Option<String>,

    /// The brand that the recorded car is registered under.
    #[arg(long, default_value = Brand::Peugeot.slug(), value_name = "BRAND")]
    brand: Brand,

    /// The region that the car belongs to.
    #[arg(long, default_value = cloud::config::Options::REGION)]
    region: String,
}

/// A recording and what it means.
pub(super) struct Recording<'a> {
    pub file: &'a Path,
    pub profile: &'a Arc<Profile>,
    /// The car's catalogue, when it is not the shipped one.
    pub vss: Option<&'a Path>,
    pub pace: Pace,
    /// Whether a line that cannot be read is an error.
    pub strict: bool,
}

/// Plays a recording into the platform. It begins when the car runs the campaign; its first frame is
/// at that moment, so at full speed its times run ahead of the clock.
pub(super) async fn upload(
    url: &str,
    options: &CloudOptions,
    recording: &Recording<'_>,
) -> anyhow::Result<Report> {
    let decoded = books::decode(recording.file, recording.profile, recording.strict)?;
    if let Some(warning) = decoded.coverage.check()? {
        if decoded.coverage.samples == 0 {
            bail!("{warning}");
        }
        tracing::warn!("{warning}");
    }
    let mqtt = options.mqtt.clone().or_else(|| sim::run::mqtt_of(url));
    let mqtt = mqtt.with_context(|| format!("find the host in `{url}`; write it as http://HOST:PORT"))?;
    let api = Api::sign_in(url, &options.login).await?;
    reach(&mqtt).await?;
    let simulation = simulation(url, options).await?;
    let car = bring_up(&api, &simulation, options, recording, &decoded.name).await?;
    let profile = recording.profile;
    let campaign = campaign::start(&api, car.vehicle, profile).await?;
    tracing::info!(vehicle = %car.vehicle, created = car.created, campaign, "the car is enrolled");

    let (release, released) = oneshot::channel();
    let data = tempfile::tempdir().context("make a folder for the car's queue")?;
    let file = File::open(recording.file).with_context(|| format!("open {}", recording.file.display()))?;
    let provider = HeldReplay::new(file, recording.pace, released);
    let (connect, mut config) = car_parts(&car, &mqtt, profile, data.path().to_owned())?;
    config.queue.epoch_min = epoch_after(&api, car.vehicle).await?;
    let shared = Arc::clone(&config.shared);
    let brain = Brain::open(config, Some(connect), provider)?;

    // Of two that play a new car, neither saw the other when it was enrolled.
    wait_until_gone(&api, car.vehicle, GONE_PATIENCE).await?;
    let before = api.get(&state_path(car.vehicle)).await?;
    let begin = async {
        wait_until_applied(&api, car.vehicle, &before).await?;
        let start = begin_at(&api, car.vehicle, recording.pace).await?;
        // Nobody takes it when the brain is gone, and then the brain's own error is what counts.
        release.send(start).ok();
        anyhow::Ok(start)
    };
    let running = brain.run(async { drop(tokio::signal::ctrl_c().await) });
    let mut running = std::pin::pin!(running);
    let start = tokio::select! {
        ended = &mut running => { ended?; bail!("the car was stopped before it began") }
        start = begin => start?,
    };
    running.await?;

    let visible = wait_until_visible(&api, car.vehicle, &decoded, start).await?;
    Ok(Report { vehicle: car.vehicle, campaign, start, decoded, visible, stats: shared.stats.snapshot() })
}

/// The service that registers the car with what its owner grants.
async fn simulation(url: &str, options: &CloudOptions) -> anyhow::Result<Api> {
    let file = match &options.simulation_token_file {
        Some(file) => file.clone(),
        None => options.login.beside_password_file("simulation-token"),
    };
    let advice = "a recorded car is a simulated one: the platform must run with `--simulated-cars`, and \
                  --simulation-token-file say where its token is";
    Api::sign_in(url, &options.login.with_token_file(file)).await.context(advice)
}

/// The car that the recording is played as, whether it is known or not.
async fn bring_up(
    api: &Api,
    simulation: &Api,
    options: &CloudOptions,
    recording: &Recording<'_>,
    log: &str,
) -> anyhow::Result<Car> {
    let name = options.vehicle.as_deref().unwrap_or(log);
    if let Some(file) = recording.vss {
        let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        api.post_text("/v1/catalogues", text).await?;
    }
    let profile = recording.profile;
    let car =
        enrol::enrol(api, simulation, options.brand, &options.region, name, profile, clock::now()).await?;
    if !car.created {
        wait_until_gone(api, car.vehicle, GONE_PATIENCE).await?;
        enrol::check_grants(api, car.vehicle, profile).await?;
    }
    Ok(car)
}

/// Each replay's queue is new, and numbers its batches above those of every replay before it.
async fn epoch_after(api: &Api, vehicle: VehicleId) -> anyhow::Result<QueueEpoch> {
    let known = api.get(&format!("/v1/vehicles/{vehicle}")).await?;
    let epoch =
        known["queue_epoch"].as_u64().map(u32::try_from).transpose().context("read the queue's epoch")?;
    Ok(epoch.map_or(QueueEpoch(0), |epoch| QueueEpoch(epoch.saturating_add(1))))
}

/// Two replays of one car at once would number their batches alike, and the platform would take one of each.
async fn wait_until_gone(api: &Api, vehicle: VehicleId, patience: Duration) -> anyhow::Result<()> {
    let deadline = clock::instant() + patience;
    while api.get(&format!("/v1/vehicles/{vehicle}")).await?["connected"] == true {
        if clock::instant() >= deadline {
            bail!(
                "the car {vehicle} is connected: another replay plays it; wait for its end, or name another car with --vehicle"
            );
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

fn car_parts(
    car: &Car,
    mqtt: &str,
    profile: &Arc<Profile>,
    data_dir: PathBuf,
) -> anyhow::Result<(TlsConnect, Config)> {
    let roots = link::tls::roots(&link::tls::certificates(car.ca_pem.as_bytes())?)?;
    let own = link::tls::Identity::from_pem(car.certificate_pem.as_bytes(), car.key_pem.as_bytes())?;
    let tls = link::tls::client_config(own, roots)?;
    let connect = TlsConnect::new(
        mqtt,
        brain::enrolment::LinkIdentity::new(tls),
        car.vehicle,
        link::client::Options::default(),
    )?;
    let config = Config::new(car.vehicle, data_dir, Arc::clone(profile.catalogue()));
    let config = Config {
        software: concat!("marque-replay ", env!("CARGO_PKG_VERSION")).into(),
        keys: Arc::new(VerifyingKeys::new([car.desired_key])),
        // A recording's times are what somebody wrote down.
        clock_state: Some(ClockState::Corrected),
        end_with_source: true,
        phase: Micros::ZERO,
        ..config.with_profile(Arc::clone(profile))
    };
    Ok((connect, config))
}

/// Before anything is registered: who gave a wrong address leaves nothing behind.
async fn reach(mqtt: &str) -> anyhow::Result<()> {
    let connecting = tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect(mqtt));
    let advice = || format!("reach {mqtt}, where cars connect; --mqtt HOST:PORT says otherwise");
    connecting.await.with_context(advice)?.with_context(advice).map(drop)
}

fn state_path(vehicle: VehicleId) -> String {
    format!("/v1/vehicles/{vehicle}/state")
}

/// Now, or behind what a replay before this one has said of the car: at full speed its times ran ahead.
async fn begin_at(api: &Api, vehicle: VehicleId, pace: Pace) -> anyhow::Result<Timestamp> {
    let signals = api.get(&format!("/v1/vehicles/{vehicle}/signals?purpose={PURPOSE}")).await?;
    let times = list(&signals, "items").filter_map(|item| item["source_time"].as_str());
    let times = times.filter_map(|time| time.parse::<jiff::Timestamp>().ok());
    begin(times.map(|time| Timestamp(time.as_microsecond())).max(), clock::now(), pace)
}

/// The time of the first frame, when the latest that the car has said is of `latest`.
fn begin(latest: Option<Timestamp>, now: Timestamp, pace: Pace) -> anyhow::Result<Timestamp> {
    let begin = latest.map_or(now, |latest| now.max(latest + Micros::from_secs(1)));
    if pace == Pace::Real && begin.since(now) > WAIT_MAX {
        bail!(
            "what the car has said runs ahead of the clock until {}, since it was played at full speed: play it so \
             again, wait until then, or name another car with --vehicle",
            super::rfc3339(begin)
        );
    }
    Ok(begin)
}

/// Whether the car has reported every version that the platform wants of it, since the state was `before`.
async fn wait_until_applied(api: &Api, vehicle: VehicleId, before: &Value) -> anyhow::Result<()> {
    let path = state_path(vehicle);
    let look = async {
        loop {
            let mut state = api.get(&path).await?;
            forget_reports_of(&mut state, before);
            if let Some(error) = refused(&state) {
                bail!("the car cannot do what the platform wants: {error}");
            }
            if is_applied(&state) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let within = tokio::time::timeout(PATIENCE, look).await;
    within.context("wait for the car to run the campaign; can it reach the platform's MQTT port?")?
}

fn list<'a>(state: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    state[name].as_array().into_iter().flatten()
}

/// What stood there before this car ran says nothing about it.
fn forget_reports_of(state: &mut Value, before: &Value) {
    if let Some(reports) = state["reported"].as_array_mut() {
        reports.retain(|report| !list(before, "reported").any(|known| known == report));
    }
}

fn refused(state: &Value) -> Option<&str> {
    list(state, "reported").find_map(|reported| reported["error"].as_str())
}

fn is_applied(state: &Value) -> bool {
    let runs = |desired: &Value| {
        list(state, "reported").any(|reported| {
            reported["kind"] == desired["kind"] && reported["version"].as_u64() >= desired["version"].as_u64()
        })
    };
    list(state, "desired").next().is_some() && list(state, "desired").all(runs)
}

/// Reads history until it holds what was decoded, or stays behind it for too long.
async fn wait_until_visible(
    api: &Api,
    vehicle: VehicleId,
    decoded: &Decoded,
    start: Timestamp,
) -> anyhow::Result<Vec<u64>> {
    let deadline = clock::now() + Micros(i64::try_from(PATIENCE.as_micros()).unwrap_or(i64::MAX));
    loop {
        let visible = books::count_history(api, vehicle, decoded, start).await?;
        let enough = visible.iter().zip(&decoded.signals).all(|(seen, signal)| *seen >= signal.expected());
        if enough || clock::now() > deadline {
            return Ok(visible);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
pub(super) mod tests;
