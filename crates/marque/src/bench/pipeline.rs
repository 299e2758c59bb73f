//! `marque bench pipeline`: from publish to stored, beside mosquitto, a consumer and PostgreSQL.
//!
//! Both sides get the same bytes from the same cars, in turns, on the same disk. All servers of a
//! side share one core, the cars have the other. A sample counts as stored when our Delta table or
//! the peer's committed table has it; both are read at the end, and nothing may lack. What the peer
//! does not do, and is not asked to do: acknowledge the car only when its data is durable, store a
//! message once that is sent twice, keep the latest value of each signal.

mod broker;
mod consumer;
mod drive;
mod feed;
mod load;
mod postgres;
mod process;
mod rows;
mod server;
mod side;
mod table;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use model::Micros;

use crate::{
    bench::gateway::{
        disk,
        peer::{CLIENT_CORE, pin_self},
    },
    clock,
};
pub(crate) use consumer::{ConsumerOptions, run as consume};
use feed::Feed;
use load::Load;
use postgres::Cluster;
use rows::Layout;
pub(crate) use server::{ServerOptions, run as serve};
use side::{Cpu, Ground, Servers, Side};
use table::{Report, Round, Row, Size};

/// Compare gateway, log and lake with mosquitto, a consumer and PostgreSQL on this machine.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// About how long each measurement runs; a first, shorter one says how much to send.
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    seconds: u64,
    /// How often the sides take turns; the sums count.
    #[arg(long, default_value_t = 2, value_name = "N")]
    rounds: usize,
    /// Cars that send at once.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    connections: usize,
    /// Messages that each car has in flight.
    #[arg(long, default_value_t = 4, value_name = "N")]
    window: usize,
    /// Samples in a message, multiples of 20; measured one after the other.
    #[arg(long, default_values_t = [20, 200], value_delimiter = ',', value_name = "N")]
    samples: Vec<usize>,
    /// Tables of the peer; all if none is named.
    #[arg(long, value_name = "LAYOUT")]
    peer: Vec<Layout>,
    /// Samples that the peer's consumer puts in one COPY.
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    copy_samples: usize,
    /// Connections to PostgreSQL that copy at once.
    #[arg(long, default_value_t = 2, value_name = "N")]
    copiers: usize,
    /// Where both sides store; its disk decides. Default: a folder beside the build.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write the results there, too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The peer's broker.
    #[arg(long, default_value = "/usr/sbin/mosquitto", value_name = "FILE")]
    mosquitto: PathBuf,
    /// The folder of `initdb` and `postgres`. Default: Debian's newest.
    #[arg(long, value_name = "DIR")]
    postgresql: Option<PathBuf>,
}

/// Samples of each car before the clock starts: caches warm up, tables get their columns, and the
/// rate says how much a measurement sends.
const WARM_UP_SAMPLES: usize = 400;

/// The warm-up grows until its last part takes this part of a measurement.
const WARM_UP_PART: u32 = 10;

/// What all cars send at most, so that the messages fit in memory.
const BYTES_MAX: f64 = 2e9;

/// Runs the comparison and prints it.
pub(crate) fn run(options: &Options, out: &mut impl io::Write) -> anyhow::Result<()> {
    ensure!(
        options.mosquitto.exists(),
        "{} is missing; install Debian's mosquitto package",
        options.mosquitto.display()
    );
    let usable = options.samples.iter().all(|samples| samples % drive::SIGNALS == 0 && *samples > 0);
    ensure!(usable, "`--samples` takes multiples of {}", drive::SIGNALS);
    ensure!(options.connections > 0, "`--connections` is at least 1");
    let parent = options.data.clone().unwrap_or_else(|| PathBuf::from("target/bench"));
    let folder = parent.join(format!("pipeline-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    pin_self(CLIENT_CORE)?;
    let result = measure(options, &folder, out);
    fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    let report = result?;
    report.print(out)?;
    if let Some(path) = &options.json {
        fs::write(path, report.to_json()?).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn measure(options: &Options, folder: &Path, out: &mut impl io::Write) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cluster = Cluster::create(options.postgresql.as_deref(), folder)?;
    let ground = Ground {
        runtime: &runtime,
        mosquitto: &options.mosquitto,
        cluster: &cluster,
        folder,
        cars: options.connections,
        copy_samples: options.copy_samples,
        copiers: options.copiers,
    };
    let mut report = Report {
        sync: disk::measure(folder)?,
        connections: options.connections,
        window: options.window,
        copy_samples: options.copy_samples,
        copiers: options.copiers,
        sizes: Vec::new(),
    };
    for samples in &options.samples {
        report.sizes.push(size(options, &ground, *samples, out)?);
    }
    Ok(report)
}

/// All sides in turns with messages of one size.
fn size(
    options: &Options,
    ground: &Ground<'_>,
    samples: usize,
    out: &mut impl io::Write,
) -> anyhow::Result<Size> {
    let layouts: &[Layout] = if options.peer.is_empty() { &Layout::ALL } else { &options.peer };
    let sides: Vec<_> =
        std::iter::once(Side::Marque).chain(layouts.iter().copied().map(Side::Peer)).collect();
    // Cars say what they measured before they send it, and dates this far back are kept.
    let start = clock::now() - Micros(12 * Micros::HOUR.0);
    let mut feed = Feed::new(ground.cars, samples, start)?;
    let mut rows: Vec<_> = sides.iter().map(|side| Row::new(*side, samples)).collect();
    for number in 0..options.rounds.max(1) {
        for (side, row) in sides.iter().zip(&mut rows) {
            writeln!(out, "{samples} samples a message, round {}, {} ...", number + 1, side.name())?;
            row.add(
                round(options, ground, *side, &mut feed)
                    .with_context(|| format!("measure {}", side.name()))?,
            );
        }
    }
    let wire_bytes_per_sample = feed.bytes_per_message() / table::ratio(samples, 1);
    Ok(Size { samples_per_message: samples, wire_bytes_per_sample, rows })
}

/// One side, from nothing stored to all stored and counted.
fn round(options: &Options, ground: &Ground<'_>, side: Side, feed: &mut Feed) -> anyhow::Result<Round> {
    let cars = feed.cars();
    let first = WARM_UP_SAMPLES.div_ceil(feed.samples_per_message());
    let mut servers = Servers::start(ground, side)?;
    let mut load = Load::connect(servers.address(), cars, options.window)?;
    let span = Duration::from_secs(options.seconds);
    let mut warm = 0;
    let more = loop {
        let part = warm.max(first);
        feed.extend_to(warm + part)?;
        let start = clock::instant();
        load.publish(feed, warm + part)?;
        warm += part;
        let took = servers.settle(warm * cars)?.stored - start;
        // A part that is over at once says more of its end than of its rate.
        if took >= span / WARM_UP_PART || warm >= messages_max(feed) {
            break messages_for(part, took, span);
        }
    };
    let until = warm + more.min(messages_max(feed));
    feed.extend_to(until)?;

    let before = servers.cpu()?;
    let start = clock::instant();
    load.publish(feed, until)?;
    let published = clock::instant();
    let settled = servers.settle(until * cars)?;
    let cpu = since(&before, servers.cpu()?);

    load.close();
    let tables = servers.finish()?;
    let sent = until * cars * feed.samples_per_message();
    ensure!(tables.samples == sent, "{sent} samples were sent, and {} are stored", tables.samples);
    Ok(Round {
        samples: (until - warm) * cars * feed.samples_per_message(),
        publish: published - start,
        applied: settled.applied - start,
        stored: settled.stored - start,
        cpu,
        bytes: tables.bytes,
        samples_in_tables: tables.samples,
    })
}

/// How many messages a car sends in a span, when a first few took as long as they did.
fn messages_for(first: usize, took: Duration, span: Duration) -> usize {
    let times = span.as_micros() / took.as_micros().max(1);
    usize::try_from(times).unwrap_or(usize::MAX).saturating_mul(first).max(first)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bound need not be exact")]
fn messages_max(feed: &Feed) -> usize {
    (BYTES_MAX / 2.0 / (feed.bytes_per_message() * table::ratio(feed.cars(), 1))) as usize
}

fn since(before: &Cpu, after: Cpu) -> Cpu {
    let spent = after.into_iter().map(|(name, time)| {
        let earlier =
            before.iter().find(|(known, _)| *known == name).map_or(Duration::ZERO, |(_, time)| *time);
        (name, time.saturating_sub(earlier))
    });
    spent.collect()
}

#[cfg(test)]
mod tests;
