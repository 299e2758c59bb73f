//! `marque demo`: the platform, and a simulated fleet of all brands beside it.

mod child;
mod report;
mod status;
mod visible;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use cloud::{
    clock::Clock,
    config::{self, Config},
    http::VEHICLE_IDS_MAX,
    platform::Platform,
};
use model::Micros;
use serde_json::{Value, json};

use self::{
    child::{Event, FleetArgs, FleetProcess},
    report::{Ledger, Report, Visible},
    status::{Status, say},
    visible::Probe,
};
use super::{api::Api, signal};
use crate::clock;

/// What the demo's cars are asked to send.
const CAMPAIGN: &str = include_str!("demo/campaign.json");

/// Short, so that who looks into the tables of a young demo finds something there.
const FLUSH_AGE: Micros = Micros::from_secs(20);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many cars; brands and architectures evenly.
    #[arg(long, default_value_t = 140, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    vehicles: u32,

    /// Stop after so many seconds with all cars running; on Ctrl-C without it.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,

    /// Plain lines instead of progress at a terminal.
    #[arg(long)]
    headless: bool,

    /// Where the demo keeps everything; it goes on from there at the next start.
    #[arg(long, default_value = "data/demo", value_name = "DIR")]
    data: PathBuf,

    /// Where the console and the API listen on this machine; cars use another, free port.
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// Count what was sent and what can be seen, and write it to this file.
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,

    /// A program that counts Delta tables, for the report: it takes their folders and prints JSON.
    /// `cargo xtask demo` gives one in Python.
    #[arg(long, value_name = "PROGRAM ARGS", num_args = 1.., allow_hyphen_values = true, required = false)]
    reader: Vec<String>,
}

pub(crate) fn run(options: &Options, log: &str) -> Result<()> {
    if options.report.is_some() && options.reader.is_empty() {
        bail!(
            "`--report` needs a `--reader` that counts what is in the tables; `cargo xtask demo` gives one"
        );
    }
    super::runtime()?.block_on(Demo { options, log, status: Status::new(options.headless) }.run())
}

struct Demo<'a> {
    options: &'a Options,
    log: &'a str,
    status: Status,
}

impl Demo<'_> {
    async fn run(&self) -> Result<()> {
        let config = config(self.options)?;
        let lake = config.lake_folder();
        let password_file = config.operator_password_file();
        self.status.step("starting the platform");
        let platform = Platform::start(config, Clock::system()).await.context("start the platform")?;
        let done = self.with_platform(&platform, &password_file, &lake).await;
        self.status.step("stopping the platform");
        platform.stop().await;
        done
    }

    async fn with_platform(&self, platform: &Platform, password_file: &Path, lake: &Path) -> Result<()> {
        let password =
            fs::read_to_string(password_file).with_context(|| format!("read {}", password_file.display()))?;
        let api = Api::with_password(&platform.url(), "operator", password.trim()).await?;
        let baseline = match self.options.report {
            Some(_) => self.visible(platform, &api, lake).await?,
            None => Visible::default(),
        };
        let before = platform.twins().counts();
        let ledger = self.options.data.join("fleet-ledger.json");
        let mut fleet = FleetProcess::start(&FleetArgs {
            cloud: platform.url(),
            mqtt: platform.mqtt_address().to_string(),
            est: format!("https://{}", platform.est_address()),
            password_file: password_file.to_owned(),
            simulation_token_file: config::simulation_token_file(&self.options.data),
            state: self.options.data.join("fleet"),
            ledger: ledger.clone(),
            vehicles: self.options.vehicles,
            log: self.log.to_owned(),
        })?;
        let Some(vehicle_ids) = self.bring_up(&mut fleet).await? else {
            return fleet.stop().await;
        };
        assign_campaign(&api, &vehicle_ids).await?;
        let driving = self.options.data.join("driving");
        fs::write(&driving, "").with_context(|| format!("write {}", driving.display()))?;
        say(&format!("\n  console   {}", platform.url()));
        say(&format!("  cars      {}", platform.mqtt_address()));
        say(&format!("  est       https://{}", platform.est_address()));
        say(&format!("  sign in   operator / {}", password.trim()));
        say("  stop      Ctrl-C\n");
        let probe = Probe::default();
        let watched = self.drive(platform, &api, &mut fleet, &probe).await?;
        self.status.step("stopping the fleet; it sends what is queued");
        fs::remove_file(&driving).with_context(|| format!("remove {}", driving.display()))?;
        fleet.stop().await?;
        if let Some(file) = &self.options.report {
            let report = self.count(platform, &api, lake, &ledger, &baseline, &watched, &probe).await?;
            let text = serde_json::to_string_pretty(&report).context("write the report")?;
            fs::write(file, format!("{text}\n")).with_context(|| format!("write {}", file.display()))?;
            say(&text);
        }
        let after = platform.twins().counts();
        say(&format!(
            "{} samples in {} batches",
            after.samples - before.samples,
            after.batches - before.batches
        ));
        Ok(())
    }

    /// Waits until all cars run, and says which they are; `None` when somebody said stop before.
    async fn bring_up(&self, fleet: &mut FleetProcess) -> Result<Option<Vec<String>>> {
        let enrolling = self.status.bar("registering cars", self.options.vehicles);
        let starting = self.status.bar("starting cars", self.options.vehicles);
        let mut cars = Vec::new();
        loop {
            let event = tokio::select! {
                event = fleet.event() => event?,
                () = signal::stop_order() => return Ok(None),
            };
            match event {
                Event::Enrolling { vehicles } => enrolling.set_position(u64::from(vehicles)),
                Event::Enrolled { vehicle_ids } => {
                    // A fleet that is registered already says nothing before.
                    enrolling.set_position(vehicle_ids.len() as u64);
                    cars = vehicle_ids;
                }
                Event::Started { vehicles } => starting.set_position(u64::from(vehicles)),
                Event::Published { .. } => {}
                Event::Running { vehicles } => {
                    enrolling.finish_and_clear();
                    starting.finish_and_clear();
                    if vehicles < self.options.vehicles {
                        say(&format!(
                            "{vehicles} of {} cars are connected; the others keep trying",
                            self.options.vehicles
                        ));
                    }
                    return Ok(Some(cars));
                }
            }
        }
    }

    /// Lets the fleet drive until the time is over or somebody says stop.
    async fn drive(
        &self,
        platform: &Platform,
        api: &Api,
        fleet: &mut FleetProcess,
        probe: &Probe,
    ) -> Result<Watched> {
        let mut watched = Watched::default();
        let line = self.status.live();
        let over = async {
            match self.options.seconds {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
                None => std::future::pending().await,
            }
        };
        let mut over = std::pin::pin!(over);
        let mut stop = std::pin::pin!(signal::stop_order());
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut watching: Vec<String> = Vec::new();
        loop {
            tokio::select! {
                () = &mut over => break,
                () = &mut stop => break,
                () = platform.failed() => bail!("a part of the platform failed; its last messages say why"),
                event = fleet.event() => if let Event::Published { vehicle_id, at } = event? {
                    if !watching.contains(&vehicle_id) {
                        watching.push(vehicle_id.clone());
                        let watch = probe.clone().watch(api.clone(), vehicle_id.clone());
                        tokio::spawn(async move {
                            if let Err(error) = watch.await {
                                tracing::debug!("a watched event stream ended: {error:#}");
                            }
                        });
                    }
                    probe.published(&vehicle_id, model::Timestamp(at));
                },
                _ = second.tick() => match look(api).await {
                    Ok((summary, acknowledged)) => {
                        watched.acknowledged.push((clock::instant(), acknowledged));
                        line.set_message(summary_line(&summary));
                    }
                    Err(error) => {
                        tracing::warn!("the platform did not say how it is: {error:#}");
                        line.set_message("the platform does not say how it is");
                    }
                }
            }
        }
        line.finish_and_clear();
        Ok(watched)
    }

    /// Counts on both sides. No car is connected any more, so nothing moves while it is counted.
    async fn count(
        &self,
        platform: &Platform,
        api: &Api,
        lake: &Path,
        ledger: &Path,
        baseline: &Visible,
        watched: &Watched,
        probe: &Probe,
    ) -> Result<Report> {
        self.status.step("counting what was sent and what can be seen");
        let text = fs::read_to_string(ledger).with_context(|| format!("read {}", ledger.display()))?;
        let fleet: Ledger = serde_json::from_str(&text).context("read the fleet's ledger")?;
        let now = self.visible(platform, api, lake).await?;
        tracing::info!(measured = probe.measured(), "delays from publish to visible");
        Report::new(&fleet, baseline, &now, watched.acks_per_s(), probe)
    }

    /// What an independent reader finds in the tables once all is written to them; counted again
    /// when they changed meanwhile.
    async fn visible(&self, platform: &Platform, api: &Api, lake: &Path) -> Result<Visible> {
        const ATTEMPTS_MAX: u32 = 10;
        let mut pause = tokio::time::interval(Duration::from_secs(1));
        for _ in 0..ATTEMPTS_MAX {
            pause.tick().await;
            platform.flush().await.context("write to the tables what is not there yet")?;
            let before = LakeState::ask(api).await?;
            let tables = lake::TableName::ALL.map(|table| lake.join(table.slug()));
            let tables = report::count(&self.options.reader, &tables).await?;
            let after = LakeState::ask(api).await?;
            if before == after && after.is_settled() {
                let durable = platform.twins().counts().samples;
                return Ok(Visible { tables, durable });
            }
        }
        bail!(
            "the tables changed at each of {ATTEMPTS_MAX} attempts to count them, although no car is connected"
        )
    }
}

/// What the platform says of itself each second: its fleet, and the batches that it acknowledged.
async fn look(api: &Api) -> Result<(Value, u64)> {
    let summary = api.get("/v1/fleet/summary").await?;
    Ok((summary, metric(&api.text("/metrics").await?, "marque_gateway_batches_durable_total")?))
}

fn metric(text: &str, name: &str) -> Result<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.with_context(|| format!("find `{name}` in /metrics"))
}

/// How far the platform says that it is.
#[derive(Debug, PartialEq)]
struct LakeState {
    flushed: u64,
    committed: u64,
    /// What queries find although it is in no table yet.
    buffered_samples: u64,
}

impl LakeState {
    async fn ask(api: &Api) -> Result<Self> {
        let text = api.text("/metrics").await?;
        Ok(Self {
            flushed: metric(&text, "marque_owner_flushed_offset")?,
            committed: metric(&text, "marque_owner_committed_offset")?,
            buffered_samples: metric(&text, "marque_lake_buffered_samples")?,
        })
    }

    /// Everything is in the tables.
    fn is_settled(&self) -> bool {
        self.flushed == self.committed && self.buffered_samples == 0
    }
}

/// The gateway's count of acknowledged batches while the fleet drove.
#[derive(Debug, Default)]
struct Watched {
    acknowledged: Vec<(Instant, u64)>,
}

impl Watched {
    /// Over the second half, when all cars send.
    fn acks_per_s(&self) -> f64 {
        let late = &self.acknowledged[self.acknowledged.len() / 2..];
        let (Some((from, before)), Some((to, after))) = (late.first(), late.last()) else { return 0.0 };
        let seconds = to.duration_since(*from).as_secs_f64();
        if seconds > 0.0 { after.saturating_sub(*before) as f64 / seconds } else { 0.0 }
    }
}

fn summary_line(summary: &Value) -> String {
    format!(
        "{} of {} cars connected, {:.0} samples/s, {:.0} batches/s",
        summary["connected"],
        summary["vehicles"],
        summary["samples_per_s"].as_f64().unwrap_or_default(),
        summary["acks_per_s"].as_f64().unwrap_or_default(),
    )
}

/// Gives the demo's own cars its campaign; one that has it keeps it, and other people's cars get nothing.
async fn assign_campaign(api: &Api, vehicle_ids: &[String]) -> Result<()> {
    let document: Value = serde_json::from_str(CAMPAIGN).context("read the demo's campaign")?;
    let campaign = match running_campaign(api, &document["name"]).await? {
        Some(campaign) => campaign,
        None => api.post("/v1/campaigns", &document).await?,
    };
    let campaign = &campaign["campaign_id"];
    for some in vehicle_ids.chunks(VEHICLE_IDS_MAX) {
        let assignment = json!({ "vehicle_ids": some });
        api.post(&format!("/v1/campaigns/{campaign}/assignments"), &assignment).await?;
    }
    Ok(())
}

/// The newest campaign of this name that has not ended.
async fn running_campaign(api: &Api, name: &Value) -> Result<Option<Value>> {
    let mut path = "/v1/campaigns".to_owned();
    loop {
        let mut page = api.get(&path).await?;
        let items = page["items"].as_array_mut().into_iter().flatten();
        let mut running = items.filter(|item| item["ended_at"].is_null() && item["name"] == *name);
        if let Some(campaign) = running.next() {
            return Ok(Some(campaign.take()));
        }
        let Some(cursor) = page["next_cursor"].as_str() else { return Ok(None) };
        path = format!("/v1/campaigns?cursor={cursor}");
    }
}

fn config(options: &Options) -> Result<Config> {
    let on_this_machine = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    config::Options {
        data: options.data.clone(),
        http: on_this_machine(options.port),
        mqtt: on_this_machine(0),
        est: on_this_machine(0),
        flush_age: FLUSH_AGE,
        simulated_cars: true,
        ..config::Options::default()
    }
    .resolve()
    .context("read the options")
}

#[cfg(test)]
mod tests;
