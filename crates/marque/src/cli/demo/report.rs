//! `--report`: what was sent beside what can be seen, counted by others than those who stored it.

use std::{collections::BTreeSet, path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::visible::Probe;

/// The report. Every figure is a count or a measurement of this run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The most that were connected at one time.
    pub(super) vehicles_connected: u64,
    /// Of cars of which the platform acknowledged a batch.
    pub(super) brands: usize,
    pub(super) architectures: usize,
    /// By the simulator's own ledger: samples that its cars put into their queues and did not take
    /// back, because a grant was withdrawn, before they left.
    pub(super) samples_sent: u64,
    /// By the shard owner: samples that it read from the durable log, each batch once.
    pub(super) samples_durable: u64,
    /// By an independent reader of the Delta tables, after all was written to them; each once.
    pub(super) samples_visible: u64,
    pub(super) samples_lost: u64,
    pub(super) samples_duplicated: u64,
    pub(super) publish_to_visible_ms: Option<Quantiles>,
    pub(super) wire_bytes_per_sample: f64,
    pub(super) stored_bytes_per_sample: f64,
    /// The gateway's PUBACKs for durable batches, in the second half of the drive.
    pub(super) acks_per_s: f64,
    /// Resident memory of the platform's process, the fleet's not included.
    pub(super) rss_mb: f64,
}

impl Report {
    pub(super) fn new(
        fleet: &Ledger,
        before: &Visible,
        now: &Visible,
        acks_per_s: f64,
        probe: &Probe,
    ) -> Result<Self> {
        let sent = (fleet.samples_sent + fleet.samples_carried).saturating_sub(fleet.samples_withdrawn);
        let visible = now.distinct().saturating_sub(before.distinct());
        let again = now.tables.duplicates.saturating_sub(before.tables.duplicates);
        Ok(Self {
            vehicles_connected: fleet.vehicles_connected,
            brands: fleet.count(|car| &car.brand),
            architectures: fleet.count(|car| &car.architecture),
            samples_sent: sent,
            samples_durable: now.durable.saturating_sub(before.durable),
            samples_visible: visible,
            samples_lost: sent.saturating_sub(visible),
            samples_duplicated: again + visible.saturating_sub(sent),
            publish_to_visible_ms: probe.quantiles([0.5, 0.99]).map(|[p50, p99]| Quantiles { p50, p99 }),
            wire_bytes_per_sample: fleet.wire_bytes_per_sample,
            stored_bytes_per_sample: now.tables.bytes as f64 / now.tables.samples.max(1) as f64,
            acks_per_s,
            rss_mb: rss_mb()?,
        })
    }
}

/// What the report takes from the fleet's own books.
#[derive(Debug, Deserialize)]
pub(super) struct Ledger {
    vehicles_connected: u64,
    samples_sent: u64,
    samples_carried: u64,
    samples_withdrawn: u64,
    wire_bytes_per_sample: f64,
    by_vehicle: Vec<Car>,
}

#[derive(Debug, Deserialize)]
struct Car {
    brand: String,
    architecture: String,
    lanes: Vec<Lane>,
}

#[derive(Debug, Deserialize)]
struct Lane {
    batches_acknowledged: u64,
}

impl Ledger {
    /// How many different ones there are among the cars that were heard.
    fn count(&self, of: fn(&Car) -> &String) -> usize {
        let heard = |car: &&Car| car.lanes.iter().any(|lane| lane.batches_acknowledged > 0);
        self.by_vehicle.iter().filter(heard).map(of).collect::<BTreeSet<_>>().len()
    }
}

/// What can be read of all that was ever stored.
#[derive(Debug, Default)]
pub(super) struct Visible {
    pub(super) tables: Counted,
    /// What the owner read from the durable log.
    pub(super) durable: u64,
}

impl Visible {
    fn distinct(&self) -> u64 {
        self.tables.samples.saturating_sub(self.tables.duplicates)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// What an independent reader finds in tables.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Counted {
    pub(super) samples: u64,
    /// Samples that are there again: same car, batch, time and signal.
    pub(super) duplicates: u64,
    /// Bytes of the data files of the table's current version.
    pub(super) bytes: u64,
}

/// What a reader prints.
#[derive(Debug, Deserialize)]
struct Reading {
    tables: Vec<Counted>,
}

/// Runs the reader `program` on the tables' folders, and sums what it found.
pub(super) async fn count(program: &[String], tables: &[PathBuf]) -> Result<Counted> {
    let (name, args) = program.split_first().context("`--reader` names no program")?;
    let output = Command::new(name)
        .args(args)
        .args(tables)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .with_context(|| format!("start the reader `{name}`"))?;
    if !output.status.success() {
        bail!("the reader `{name}` ended with {}; what it said stands above", output.status);
    }
    let reading: Reading =
        serde_json::from_slice(&output.stdout).with_context(|| format!("read what `{name}` prints"))?;
    let sum = |of: fn(&Counted) -> u64| reading.tables.iter().map(of).sum();
    Ok(Counted { samples: sum(|t| t.samples), duplicates: sum(|t| t.duplicates), bytes: sum(|t| t.bytes) })
}

/// Resident memory of this process in MB, as Linux tells it.
fn rss_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("read this process's memory")?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kilobytes.context("find VmRSS in /proc/self/status")? / 1_000.0)
}

#[cfg(test)]
mod tests;
