//! `marque demo`: the platform, and a simulated fleet of all brands beside it.

mod api;
mod child;
mod report;
mod status;
mod visible;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use cloud::{
    clock::Clock,
    config::{self, Config},
    platform::Platform,
};
use model::Micros;
use serde_json::{Value, json};

use self::{
    api::Api,
    child::{Event, FleetArgs, FleetProcess},
    report::{Counted, Quantiles, Report},
    status::{Status, say},
    visible::Probe,
};
use super::signal;

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
        let api = Api::sign_in(platform.url(), "operator", password.trim()).await?;
        let baseline = match self.options.report {
            Some(_) => self.visible(platform, &api, lake).await?,
            None => Visible::default(),
        };
        let ledger = self.options.data.join("fleet-ledger.json");
        let mut fleet = FleetProcess::start(&FleetArgs {
            cloud: platform.url(),
            mqtt: platform.mqtt_address().to_string(),
            password_file: password_file.to_owned(),
            state: self.options.data.join("fleet"),
            ledger: ledger.clone(),
            vehicles: self.options.vehicles,
            log: self.log.to_owned(),
        })?;
        if !self.bring_up(&mut fleet).await? {
            return fleet.stop().await;
        }
        assign_campaign(&api).await?;
        let driving = self.options.data.join("driving");
        fs::write(&driving, "").with_context(|| format!("write {}", driving.display()))?;
        say(&format!("\n  console   {}", platform.url()));
        say(&format!("  sign in   operator / {}", password.trim()));
        say("  stop      Ctrl-C\n");
        let before = platform.twins().counts();
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

    /// Waits until all cars run; false when somebody said stop before.
    async fn bring_up(&self, fleet: &mut FleetProcess) -> Result<bool> {
        let enrolling = self.status.bar("registering cars", self.options.vehicles);
        let starting = self.status.bar("starting cars", self.options.vehicles);
        loop {
            let event = tokio::select! {
                event = fleet.event() => event?,
                () = signal::stop_order() => return Ok(false),
            };
            match event {
                Event::Enrolled { vehicles } => enrolling.set_position(u64::from(vehicles)),
                Event::Started { vehicles } => starting.set_position(u64::from(vehicles)),
                Event::Published { .. } => {}
                Event::Running { .. } => {
                    enrolling.finish_and_clear();
                    starting.finish_and_clear();
                    return Ok(true);
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
                _ = second.tick() => {
                    let summary = api.get("/v1/fleet/summary").await?;
                    watched.see(&summary);
                    line.set_message(Watched::line(&summary));
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
        let fleet: Value = serde_json::from_str(&text).context("read the fleet's ledger")?;
        let sent = u64_of(&fleet, "samples_acknowledged")? + u64_of(&fleet, "samples_carried")?;
        let now = self.visible(platform, api, lake).await?;
        let visible = now.samples().saturating_sub(baseline.samples());
        let durable = now.durable.saturating_sub(baseline.durable);
        let delays = probe.quantiles([0.5, 0.99]);
        tracing::info!(measured = probe.measured(), "delays from publish to visible");
        Ok(Report {
            vehicles_connected: u64_of(&fleet, "vehicles_connected")?,
            brands: keys(&fleet["brands"]),
            architectures: keys(&fleet["architectures"]),
            samples_sent: sent,
            samples_durable: durable,
            samples_visible: visible,
            samples_lost: sent.saturating_sub(visible),
            samples_duplicated: now.flushed.duplicates + visible.saturating_sub(sent),
            publish_to_visible_ms: delays.map(|[p50, p99]| Quantiles { p50, p99 }),
            wire_bytes_per_sample: fleet["wire_bytes_per_sample"].as_f64().unwrap_or_default(),
            stored_bytes_per_sample: now.flushed.bytes as f64 / now.flushed.samples.max(1) as f64,
            acks_per_s: watched.acks_per_s(),
            rss_mb: report::rss_mb()?,
        })
    }

    /// What an independent reader finds in the tables, and what the API says is not in them yet;
    /// counted again when a flush came between the two.
    async fn visible(&self, platform: &Platform, api: &Api, lake: &Path) -> Result<Visible> {
        const ATTEMPTS_MAX: u32 = 10;
        let mut pause = tokio::time::interval(Duration::from_secs(1));
        for _ in 0..ATTEMPTS_MAX {
            pause.tick().await;
            let before = LakeState::ask(api).await?;
            let tables = lake::TableName::ALL.map(|table| lake.join(table.slug()));
            let flushed = report::count(&self.options.reader, &tables).await?;
            let after = LakeState::ask(api).await?;
            if before == after && after.flushed == after.committed {
                let durable = platform.twins().counts().samples;
                return Ok(Visible { flushed, unflushed: after.buffered_samples, durable });
            }
        }
        bail!(
            "the tables changed at each of {ATTEMPTS_MAX} attempts to count them, although no car is connected"
        )
    }
}

/// What can be read of all that was ever stored.
#[derive(Debug, Default)]
struct Visible {
    flushed: Counted,
    unflushed: u64,
    /// What the owner read from the durable log.
    durable: u64,
}

impl Visible {
    fn samples(&self) -> u64 {
        self.flushed.samples + self.unflushed
    }
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
        let metric = |name: &str| {
            let value =
                text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
            value.with_context(|| format!("find `{name}` in /metrics"))
        };
        Ok(Self {
            flushed: metric("marque_owner_flushed_offset")?,
            committed: metric("marque_owner_committed_offset")?,
            buffered_samples: metric("marque_lake_buffered_samples")?,
        })
    }
}

/// What the summary said while the fleet drove.
#[derive(Debug, Default)]
struct Watched {
    acks_per_s: Vec<f64>,
}

impl Watched {
    fn see(&mut self, summary: &Value) {
        self.acks_per_s.extend(summary["acks_per_s"].as_f64());
    }

    /// The mean of the second half, when all cars send.
    fn acks_per_s(&self) -> f64 {
        let late = &self.acks_per_s[self.acks_per_s.len() / 2..];
        late.iter().sum::<f64>() / late.len().max(1) as f64
    }

    fn line(summary: &Value) -> String {
        format!(
            "{} of {} cars connected, {:.0} samples/s, {:.0} acknowledgements/s",
            summary["connected"],
            summary["vehicles"],
            summary["samples_per_s"].as_f64().unwrap_or_default(),
            summary["acks_per_s"].as_f64().unwrap_or_default(),
        )
    }
}

/// Gives every car the demo's campaign; one that has it keeps it.
async fn assign_campaign(api: &Api) -> Result<()> {
    let document: Value = serde_json::from_str(CAMPAIGN).context("read the demo's campaign")?;
    let known = api.get("/v1/campaigns").await?;
    let known = known["items"].as_array().into_iter().flatten().find(|item| item["name"] == document["name"]);
    let campaign = match known {
        Some(campaign) => campaign["campaign_id"].clone(),
        None => api.post("/v1/campaigns", &document).await?["campaign_id"].clone(),
    };
    let brands = model::Brand::ALL.map(model::Brand::slug);
    api.post(&format!("/v1/campaigns/{campaign}/assignments"), &json!({ "brands": brands })).await?;
    Ok(())
}

fn config(options: &Options) -> Result<Config> {
    let on_this_machine = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    config::Options {
        data: options.data.clone(),
        http: on_this_machine(options.port),
        mqtt: on_this_machine(0),
        flush_age: FLUSH_AGE,
        ..config::Options::default()
    }
    .resolve()
    .context("read the options")
}

fn u64_of(object: &Value, name: &str) -> Result<u64> {
    object[name].as_u64().with_context(|| format!("`{name}` is missing or no whole number"))
}

fn keys(object: &Value) -> u64 {
    object.as_object().map_or(0, |object| object.len() as u64)
}
