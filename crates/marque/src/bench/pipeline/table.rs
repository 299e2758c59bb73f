//! The results, for people and for programs.

use std::{io, time::Duration};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::side::{Cpu, Side};
use crate::bench::gateway::disk::Sync;

/// One side with messages of one size, over all rounds.
#[derive(Debug, Clone)]
pub(super) struct Row {
    side: Side,
    samples_per_message: usize,
    samples: usize,
    /// From the first publish to the last acknowledgement.
    publish: Duration,
    /// ... until all can be queried.
    applied: Duration,
    /// ... until all is stored.
    stored: Duration,
    cpu: Cpu,
    bytes: usize,
    /// What the tables hold, the samples before the clock started included.
    samples_in_tables: usize,
}

/// What a round gives.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) samples: usize,
    pub(super) publish: Duration,
    pub(super) applied: Duration,
    pub(super) stored: Duration,
    pub(super) cpu: Cpu,
    pub(super) bytes: usize,
    pub(super) samples_in_tables: usize,
}

impl Row {
    /// Nothing measured yet.
    pub(super) fn new(side: Side, samples_per_message: usize) -> Self {
        Self {
            side,
            samples_per_message,
            samples: 0,
            publish: Duration::ZERO,
            applied: Duration::ZERO,
            stored: Duration::ZERO,
            cpu: Vec::new(),
            bytes: 0,
            samples_in_tables: 0,
        }
    }

    pub(super) fn add(&mut self, round: Round) {
        self.samples += round.samples;
        self.publish += round.publish;
        self.applied += round.applied;
        self.stored += round.stored;
        self.bytes += round.bytes;
        self.samples_in_tables += round.samples_in_tables;
        for (name, time) in round.cpu {
            match self.cpu.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += time,
                None => self.cpu.push((name, time)),
            }
        }
    }

    /// Samples from the first publish until all are stored.
    fn stored_per_s(&self) -> f64 {
        count(self.samples) / self.stored.as_secs_f64()
    }

    /// CPU time for a million samples, by process.
    fn cpu_s_per_million(&self) -> Vec<(&'static str, f64)> {
        let millions = count(self.samples) / 1e6;
        self.cpu.iter().map(|(name, time)| (*name, time.as_secs_f64() / millions)).collect()
    }

    fn cpu_s_per_million_sum(&self) -> f64 {
        self.cpu_s_per_million().iter().map(|(_, time)| time).sum()
    }

    fn stored_bytes_per_sample(&self) -> f64 {
        ratio(self.bytes, self.samples_in_tables)
    }

    fn name(&self) -> String {
        match self.side {
            Side::Marque => "marque".to_owned(),
            Side::Peer(layout) => format!("peer, {}", layout.name()),
        }
    }
}

/// All that was measured.
pub(super) struct Report {
    pub(super) sync: Sync,
    pub(super) connections: usize,
    pub(super) window: usize,
    pub(super) copy_samples: usize,
    pub(super) copiers: usize,
    pub(super) sizes: Vec<Size>,
}

/// All sides with messages of one size, ours first.
pub(super) struct Size {
    pub(super) samples_per_message: usize,
    pub(super) wire_bytes_per_sample: f64,
    pub(super) rows: Vec<Row>,
}

/// One count by another.
pub(super) fn ratio(of: usize, by: usize) -> f64 {
    count(of) / count(by.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^53")]
const fn count(count: usize) -> f64 {
    count as f64
}

impl Size {
    /// Our rate over a row's.
    fn faster(&self, row: &Row) -> Option<f64> {
        let ours = self.rows.iter().find(|row| row.side == Side::Marque)?;
        (row.side != Side::Marque).then(|| ours.stored_per_s() / row.stored_per_s())
    }

    fn print(&self, out: &mut impl io::Write) -> anyhow::Result<()> {
        writeln!(
            out,
            "\nmessages of {} samples, {:.2} bytes a sample on the wire",
            self.samples_per_message, self.wire_bytes_per_sample
        )?;
        writeln!(
            out,
            "{:<14} {:>12} {:>9} {:>10} {:>10} {:>10} {:>12} {:>12}",
            "", "stored/s", "samples", "publish s", "+query s", "+stored s", "CPU s/1e6", "bytes/sample"
        )?;
        for row in &self.rows {
            let after = |moment: Duration| moment.saturating_sub(row.publish).as_secs_f64();
            writeln!(
                out,
                "{:<14} {:>12.0} {:>8.1}M {:>10.2} {:>10.2} {:>10.2} {:>12.2} {:>12.2}",
                row.name(),
                row.stored_per_s(),
                count(row.samples) / 1e6,
                row.publish.as_secs_f64(),
                after(row.applied),
                after(row.stored),
                row.cpu_s_per_million_sum(),
                row.stored_bytes_per_sample(),
            )?;
        }
        for row in &self.rows {
            let Some(faster) = self.faster(row) else { continue };
            let parts: Vec<_> =
                row.cpu_s_per_million().iter().map(|(name, time)| format!("{name} {time:.2}")).collect();
            writeln!(out, "marque stores {faster:.2} x {}; its CPU: {}", row.name(), parts.join(", "))?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let parts: serde_json::Map<_, _> = row
                .cpu_s_per_million()
                .into_iter()
                .map(|(name, time)| (name.to_owned(), Value::from(time)))
                .collect();
            json!({
                "server": row.side.name(),
                "samples_per_message": row.samples_per_message,
                "samples": row.samples,
                "stored_samples_per_s": row.stored_per_s(),
                "publish_s": row.publish.as_secs_f64(),
                "queryable_s": row.applied.as_secs_f64(),
                "stored_s": row.stored.as_secs_f64(),
                "cpu_s_per_million_samples": row.cpu_s_per_million_sum(),
                "cpu_s_per_million_samples_by_process": parts,
                "stored_bytes_per_sample": row.stored_bytes_per_sample(),
                "marque_is_faster_by": self.faster(row),
            })
        });
        json!({
            "samples_per_message": self.samples_per_message,
            "wire_bytes_per_sample": self.wire_bytes_per_sample,
            "sides": rows.collect::<Vec<_>>(),
        })
    }
}

impl Report {
    pub(super) fn print(&self, out: &mut impl io::Write) -> anyhow::Result<()> {
        let Self { connections, window, copy_samples, copiers, .. } = self;
        writeln!(out, "\n{connections} cars with {window} messages in flight each; servers share a core")?;
        writeln!(out, "fdatasync of 4 KiB: p50 {:.0} us, p99 {:.0} us", self.sync.p50_us, self.sync.p99_us)?;
        writeln!(
            out,
            "marque: durable log, shard owner, Delta. peer: mosquitto (QoS 1, in memory), a consumer, and\n\
             PostgreSQL (fsync and synchronous_commit on) by COPY of {copy_samples} samples\n\
             each over {copiers} connections"
        )?;
        self.sizes.iter().try_for_each(|size| size.print(out))
    }

    pub(super) fn to_json(&self) -> anyhow::Result<String> {
        let report = json!({
            "fdatasync_p50_us": self.sync.p50_us,
            "fdatasync_p99_us": self.sync.p99_us,
            "connections": self.connections,
            "window": self.window,
            "samples_per_copy": self.copy_samples,
            "copy_connections": self.copiers,
            "sizes": self.sizes.iter().map(Size::to_json).collect::<Vec<_>>(),
        });
        serde_json::to_string_pretty(&report).context("write the results as JSON")
    }
}

#[cfg(test)]
mod tests;
