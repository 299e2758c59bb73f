//! `--report`: what was sent beside what can be seen, counted by others than those who stored it.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// The report. Every figure is a count or a measurement of this run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) vehicles_connected: u64,
    pub(super) brands: u64,
    pub(super) architectures: u64,
    /// By the simulator's own ledger: samples in batches that the platform acknowledged.
    pub(super) samples_sent: u64,
    /// By the shard owner: samples that it read from the durable log, each batch once.
    pub(super) samples_durable: u64,
    /// By an independent reader of the Delta tables, and the API for what is not flushed yet.
    pub(super) samples_visible: u64,
    pub(super) samples_lost: u64,
    pub(super) samples_duplicated: u64,
    pub(super) publish_to_visible_ms: Option<Quantiles>,
    pub(super) wire_bytes_per_sample: f64,
    pub(super) stored_bytes_per_sample: f64,
    pub(super) acks_per_s: f64,
    /// Resident memory of the platform's process, the fleet's not included.
    pub(super) rss_mb: f64,
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
pub(super) fn rss_mb() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("read this process's memory")?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kilobytes.context("find VmRSS in /proc/self/status")? / 1_000.0)
}
