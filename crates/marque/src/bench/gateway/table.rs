//! The results, for people and for programs.

use std::{io, time::Duration};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{
    disk::Sync,
    load::{Done, Latency, Wire},
    peer::Kind,
};

/// All that was measured.
pub(super) struct Report {
    sync: Sync,
    pub(super) loads: Vec<LoadRow>,
    pub(super) idle: Vec<IdleRow>,
    pub(super) connects: Vec<ConnectRow>,
}

/// Messages of one server over one wire in one shape.
#[derive(Debug, Clone)]
pub(super) struct LoadRow {
    server: &'static str,
    wire: &'static str,
    connections: usize,
    window: usize,
    acks_per_s: f64,
    cpu_us_per_message: f64,
    core_share: f64,
    latency: Latency,
}

/// Memory of one server's idle connections.
#[derive(Debug, Clone)]
pub(super) struct IdleRow {
    pub(super) server: &'static str,
    pub(super) connections: usize,
    pub(super) rss_bytes_per_connection: usize,
}

/// Connections that one server accepted.
#[derive(Debug, Clone)]
pub(super) struct ConnectRow {
    server: &'static str,
    handshake: &'static str,
    connects_per_s: f64,
    cpu_us_per_connect: f64,
}

impl LoadRow {
    pub(super) fn new(
        kind: Kind,
        wire: Wire,
        connections: usize,
        window: usize,
        done: Done,
        cpu: Duration,
    ) -> Self {
        Self {
            server: kind.name(),
            wire: wire.name(),
            connections,
            window,
            acks_per_s: rate(done),
            cpu_us_per_message: each(done, cpu),
            core_share: cpu.as_secs_f64() / done.span.as_secs_f64(),
            latency: done.latency,
        }
    }
}

impl ConnectRow {
    pub(super) fn new(kind: Kind, resumed: bool, done: Done, cpu: Duration) -> Self {
        Self {
            server: kind.name(),
            handshake: if resumed { "resumed" } else { "full" },
            connects_per_s: rate(done),
            cpu_us_per_connect: each(done, cpu),
        }
    }

    /// What a core that does nothing else accepts.
    fn per_core(&self) -> f64 {
        1e6 / self.cpu_us_per_connect
    }
}

/// The round in the middle, by CPU time a message.
pub(super) fn median(mut rounds: Vec<LoadRow>) -> Option<LoadRow> {
    rounds.sort_by(|a, b| a.cpu_us_per_message.total_cmp(&b.cpu_us_per_message));
    let middle = rounds.len() / 2;
    rounds.into_iter().nth(middle)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^53")]
fn count(done: Done) -> f64 {
    done.count as f64
}

fn rate(done: Done) -> f64 {
    count(done) / done.span.as_secs_f64()
}

fn each(done: Done, cpu: Duration) -> f64 {
    cpu.as_secs_f64() * 1e6 / count(done).max(1.0)
}

impl Report {
    pub(super) fn new(sync: Sync) -> Self {
        Self { sync, loads: Vec::new(), idle: Vec::new(), connects: Vec::new() }
    }

    pub(super) fn print(&self, out: &mut impl io::Write) -> anyhow::Result<()> {
        writeln!(
            out,
            "\nfdatasync of 4 KiB: p50 {:.0} us, p99 {:.0} us",
            self.sync.p50_us, self.sync.p99_us
        )?;
        if !self.loads.is_empty() {
            writeln!(
                out,
                "\nmessages of 20 samples, one write each; marque stores them, mosquitto does not"
            )?;
            writeln!(
                out,
                "{:<6} {:>11}  {:<10} {:>10} {:>12} {:>6} {:>9} {:>9}",
                "wire", "conns x win", "server", "acks/s", "CPU us/msg", "core", "ack p50", "ack p99"
            )?;
            for pair in self.loads.chunks(2) {
                for row in pair {
                    writeln!(
                        out,
                        "{:<6} {:>11}  {:<10} {:>10.0} {:>12.2} {:>5.0}% {:>6.1} ms {:>6.1} ms",
                        row.wire,
                        format!("{} x {}", row.connections, row.window),
                        row.server,
                        row.acks_per_s,
                        row.cpu_us_per_message,
                        row.core_share * 100.0,
                        row.latency.p50_ms,
                        row.latency.p99_ms,
                    )?;
                }
                if let [ours, theirs] = pair {
                    let ratio = theirs.cpu_us_per_message / ours.cpu_us_per_message;
                    writeln!(out, "{:>20} mosquitto needs {ratio:.2} x the CPU", "")?;
                }
            }
        }
        if !self.idle.is_empty() {
            writeln!(out, "\nidle mTLS connections")?;
            for row in &self.idle {
                let bytes = row.rss_bytes_per_connection;
                writeln!(
                    out,
                    "{:<10} {:>6} connections, {bytes:>6} bytes of RSS each",
                    row.server, row.connections
                )?;
            }
        }
        if !self.connects.is_empty() {
            writeln!(out, "\nmTLS connects, to CONNACK")?;
            for row in &self.connects {
                writeln!(
                    out,
                    "{:<8} {:<10} {:>7.0}/s, {:>6.1} us of CPU each: {:>6.0}/s a core",
                    row.handshake,
                    row.server,
                    row.connects_per_s,
                    row.cpu_us_per_connect,
                    row.per_core(),
                )?;
            }
        }
        Ok(())
    }

    pub(super) fn to_json(&self) -> anyhow::Result<String> {
        let loads: Vec<Value> = self
            .loads
            .iter()
            .map(|row| {
                json!({
                    "server": row.server,
                    "wire": row.wire,
                    "connections": row.connections,
                    "window": row.window,
                    "acks_per_s": row.acks_per_s,
                    "cpu_us_per_message": row.cpu_us_per_message,
                    "core_share": row.core_share,
                    "ack_p50_ms": row.latency.p50_ms,
                    "ack_p99_ms": row.latency.p99_ms,
                })
            })
            .collect();
        let idle: Vec<Value> = self
            .idle
            .iter()
            .map(|row| {
                json!({
                    "server": row.server,
                    "connections": row.connections,
                    "rss_bytes_per_connection": row.rss_bytes_per_connection,
                })
            })
            .collect();
        let connects: Vec<Value> = self
            .connects
            .iter()
            .map(|row| {
                json!({
                    "server": row.server,
                    "handshake": row.handshake,
                    "connects_per_s": row.connects_per_s,
                    "cpu_us_per_connect": row.cpu_us_per_connect,
                    "connects_per_core_s": row.per_core(),
                })
            })
            .collect();
        let report = json!({
            "fdatasync_p50_us": self.sync.p50_us,
            "fdatasync_p99_us": self.sync.p99_us,
            "messages": loads,
            "idle": idle,
            "connects": connects,
        });
        serde_json::to_string_pretty(&report).context("write the results as JSON")
    }
}
