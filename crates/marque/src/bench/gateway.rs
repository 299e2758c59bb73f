//! `marque bench gateway`: our gateway, durable, beside mosquitto, which stores nothing.
//!
//! Server and client have a core each. Both servers get the same bytes from the same client, in
//! turns: batches of 20 samples, one write a message. What is compared is the server's CPU time a
//! message, from the scheduler's own count.

pub(super) mod batches;
pub(super) mod car;
pub(super) mod certificates;
pub(super) mod disk;
mod load;
pub(super) mod peer;
pub(super) mod server;
mod table;

use std::{io, path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use certificates::Pki;
use load::{Load, Wire};
use peer::{Kind, Peer};
pub(crate) use server::ServerOptions;
pub(crate) use server::run as serve;
use table::{ConnectRow, IdleRow, LoadRow, Report};

/// Compare the gateway with mosquitto on this machine.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// How long each measurement runs.
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    seconds: u64,
    /// How often each pair of measurements is repeated; the median counts.
    #[arg(long, default_value_t = 3, value_name = "N")]
    rounds: usize,
    /// Idle connections whose memory is measured.
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    idle: usize,
    /// Where the log lies; its disk decides. Default: a folder beside the build.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Write the results there, too, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What to measure; all if none is named.
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// The peer's binary.
    #[arg(long, default_value = "/usr/sbin/mosquitto", value_name = "FILE")]
    mosquitto: PathBuf,
}

/// A part of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Messages over TCP.
    Plain,
    /// Messages over mutual TLS.
    Tls,
    /// Memory of idle mutual-TLS connections.
    Idle,
    /// Mutual-TLS connections a second.
    Connects,
}

/// Connections and messages in flight on each.
const SHAPES: [(usize, usize); 2] = [(1_000, 1), (100, 20)];

/// Cars that connect again and again.
const CONNECTING_CARS: usize = 256;

/// Before the clock starts, so that allocators, caches and windows have settled.
const WARM_UP: Duration = Duration::from_secs(1);

/// Runs the comparison and prints it.
pub(crate) fn run(options: &Options, out: &mut impl io::Write) -> anyhow::Result<()> {
    ensure!(
        options.mosquitto.exists(),
        "{} is missing; install Debian's mosquitto package",
        options.mosquitto.display()
    );
    let parent = options.data.clone().unwrap_or_else(|| PathBuf::from("target/bench"));
    let folder = parent.join(format!("gateway-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    peer::pin_to_client_core()?;
    let result = measure(options, &folder, out);
    std::fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    let report = result?;
    report.print(out)?;
    if let Some(path) = &options.json {
        std::fs::write(path, report.to_json()?).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn measure(options: &Options, folder: &std::path::Path, out: &mut impl io::Write) -> anyhow::Result<Report> {
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let cars = SHAPES.iter().map(|shape| shape.0).max().unwrap_or(0).max(options.idle);
    let pki = Pki::create(folder, cars)?;
    let mut report = Report::new(disk::measure(folder)?);
    let bench = Bench { options, folder, pki: &pki };
    for (part, wire) in [(Part::Plain, Wire::Plain), (Part::Tls, Wire::Tls)] {
        if wanted(part) {
            for (connections, window) in SHAPES {
                writeln!(out, "{} {connections} x {window} ...", wire.name())?;
                report.loads.extend(bench.loads(wire, connections, window)?);
            }
        }
    }
    if wanted(Part::Idle) {
        writeln!(out, "{} idle connections ...", options.idle)?;
        for kind in Kind::ALL {
            report.idle.push(bench.idle(kind)?);
        }
    }
    if wanted(Part::Connects) {
        for resumed in [false, true] {
            writeln!(out, "{} connects ...", if resumed { "resumed" } else { "full" })?;
            for kind in Kind::ALL {
                report.connects.push(bench.connects(kind, resumed)?);
            }
        }
    }
    Ok(report)
}

struct Bench<'a> {
    options: &'a Options,
    folder: &'a std::path::Path,
    pki: &'a Pki,
}

impl Bench<'_> {
    /// Both servers in turns; the medians of their rounds.
    fn loads(&self, wire: Wire, connections: usize, window: usize) -> anyhow::Result<Vec<LoadRow>> {
        let mut rounds = [Vec::new(), Vec::new()];
        for _ in 0..self.options.rounds.max(1) {
            for (kind, rows) in Kind::ALL.into_iter().zip(&mut rounds) {
                rows.push(self.load(kind, wire, connections, window)?);
            }
        }
        Ok(rounds.into_iter().filter_map(table::median).collect())
    }

    fn load(&self, kind: Kind, wire: Wire, connections: usize, window: usize) -> anyhow::Result<LoadRow> {
        let peer = self.peer(kind, wire)?;
        let mut load = Load::connect(peer.address(), wire, self.pki, connections, window)?;
        load.run(WARM_UP)?;
        let cpu = peer.cpu()?;
        let done = load.run(Duration::from_secs(self.options.seconds))?;
        let cpu = peer.cpu()?.saturating_sub(cpu);
        load.close();
        peer.stop()?;
        Ok(LoadRow::new(kind, wire, connections, window, done, cpu))
    }

    fn idle(&self, kind: Kind) -> anyhow::Result<IdleRow> {
        let peer = self.peer(kind, Wire::Tls)?;
        // A first few, so that what the server needs once is not counted.
        let mut first = Load::connect(peer.address(), Wire::Tls, self.pki, 32, 1)?;
        first.run(Duration::from_millis(200))?;
        let before = peer.rss_bytes()?;
        let cars = self.options.idle;
        let load = Load::connect_from(peer.address(), Wire::Tls, self.pki, 32, cars.saturating_sub(32), 1)?;
        let after = peer.rss_bytes()?;
        let connections = cars.saturating_sub(32).max(1);
        let row = IdleRow {
            server: kind.name(),
            connections,
            rss_bytes_per_connection: after.saturating_sub(before) / connections,
        };
        load.close();
        first.close();
        peer.stop()?;
        Ok(row)
    }

    fn connects(&self, kind: Kind, resumed: bool) -> anyhow::Result<ConnectRow> {
        let peer = self.peer(kind, Wire::Tls)?;
        let cars = CONNECTING_CARS.min(self.pki.cars());
        let mut storm = load::Storm::new(peer.address(), self.pki, cars, resumed)?;
        storm.run(WARM_UP)?;
        let cpu = peer.cpu()?;
        let done = storm.run(Duration::from_secs(self.options.seconds))?;
        let cpu = peer.cpu()?.saturating_sub(cpu);
        drop(storm);
        peer.stop()?;
        Ok(ConnectRow::new(kind, resumed, done, cpu))
    }

    fn peer(&self, kind: Kind, wire: Wire) -> anyhow::Result<Peer> {
        match kind {
            Kind::Marque => Peer::marque(self.folder, wire, self.pki),
            Kind::Mosquitto => Peer::mosquitto(&self.options.mosquitto, self.folder, wire, self.pki),
        }
    }
}
