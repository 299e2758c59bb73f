//! `marque replay`: a recorded bus through the decoder of a car.

mod coverage;
mod decoding;
mod maps;
mod print;
mod upload;

use std::{
    fs::File,
    io::{self, BufReader, Write as _},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use bus::{
    log::{LogReader, Pace, Replay},
    profile::Profile,
};
use clap::{ArgGroup, Args, ValueEnum};
use model::Timestamp;

use crate::clock;
use coverage::Coverage;
use decoding::Decoding;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("layout").args(["profile", "dbc", "map"]).required(true).multiple(true))]
pub(crate) struct Options {
    /// The log: candump (`candump -L`) or GVRET CSV (SavvyCAN).
    file: PathBuf,

    /// The architecture profile that the log's car has, or the maps for the frames of `--dbc`.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// A DBC file that describes the log's frames. Without `--profile` or `--map`, the shipped maps
    /// that fit it are taken.
    #[arg(long, value_name = "FILE")]
    dbc: Option<PathBuf>,

    /// A profile of your own: maps for the frames of `--dbc`, or a whole architecture.
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    map: Option<PathBuf>,

    /// The car's catalogue as vspec JSON; the shipped one without it.
    #[arg(long, value_name = "FILE")]
    vss: Option<PathBuf>,

    /// Print each sample to stdout as a line; so it is without `--cloud`.
    #[arg(long, value_name = "FORMAT", default_value = "json", conflicts_with = "cloud")]
    print: Format,

    /// Play the log as a car of this platform, for example `http://127.0.0.1:8080`, and compare what
    /// its history shows with what the log holds.
    #[arg(long, value_name = "URL")]
    cloud: Option<String>,

    #[command(flatten)]
    cloud_options: upload::CloudOptions,

    /// How fast to play.
    #[arg(long, value_name = "PACE", default_value = "full")]
    speed: Speed,

    /// Fail at the first line that cannot be read instead of counting such lines; with `--cloud` before anything is
    /// registered.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One object a line: time, path, value, unit, quality.
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Speed {
    /// As fast as it goes.
    Full,
    /// As it was recorded.
    Real,
}

/// What was played.
#[derive(Debug, Default, PartialEq, Eq)]
struct Summary {
    coverage: Coverage,
    /// Different signals among the samples.
    signals: usize,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let profile = maps::profile(&maps::Sources {
        profile: options.profile.as_deref(),
        dbc: options.dbc.as_deref(),
        map: options.map.as_deref(),
        vss: options.vss.as_deref(),
    })?;
    let pace = match options.speed {
        Speed::Full => Pace::Full,
        Speed::Real => Pace::Real,
    };
    match &options.cloud {
        Some(url) => to_cloud(url, options, &profile, pace),
        None => to_stdout(options, &profile, pace),
    }
}

fn to_cloud(url: &str, options: &Options, profile: &Arc<Profile>, pace: Pace) -> anyhow::Result<()> {
    let vss = options.vss.as_deref();
    let strict = options.strict;
    let recording = upload::Recording { file: &options.file, profile, vss, pace, strict };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let played = runtime.block_on(upload::upload(url, &options.cloud_options, &recording));
    let report = played.with_context(|| format!("play {} to {url}", options.file.display()))?;
    if let Some(warning) = report.left_out() {
        tracing::warn!("{warning}");
    }
    let text = serde_json::to_string_pretty(&report.to_json()).context("write the report")?;
    writeln!(io::stdout(), "{text}").context("write the report")?;
    if !report.is_complete() {
        bail!("the platform does not show what the log holds; compare the numbers above");
    }
    Ok(())
}

fn to_stdout(options: &Options, profile: &Arc<Profile>, pace: Pace) -> anyhow::Result<()> {
    let file = File::open(&options.file).with_context(|| format!("open {}", options.file.display()))?;
    let reader = LogReader::new(BufReader::new(file));
    let reader = if options.strict { reader } else { reader.tolerant() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let summary = match options.print {
        Format::Json => runtime.block_on(print::json(
            reader,
            profile,
            Replay::new(pace, clock::now()),
            clock::now,
            &mut io::BufWriter::new(io::stdout()),
        )),
    };
    let summary = summary.with_context(|| format!("play {}", options.file.display()))?;
    report(&summary, profile);
    if let Some(warning) =
        summary.coverage.check().with_context(|| format!("play {}", options.file.display()))?
    {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// In UTC with microseconds; a log without a date counts from 1970.
fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.0).map_or_else(|_| time.0.to_string(), |time| format!("{time:.6}"))
}

fn report(summary: &Summary, profile: &Arc<Profile>) {
    tracing::info!(
        profile = profile.name(),
        frames = summary.coverage.frames,
        known_frames = summary.coverage.known_frames,
        bad_lines = summary.coverage.bad_lines,
        samples = summary.coverage.samples,
        signals = summary.signals,
        "replayed"
    );
}

#[cfg(test)]
mod tests;
