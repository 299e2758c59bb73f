//! What is counted of the audit log.

use std::time::Duration;

use crate::metrics::{Counter, Gauge, Histogram, Metrics};

#[derive(Debug, Clone)]
pub(super) struct Counts {
    queue_entries: Gauge,
    log_entries: Gauge,
    batch_entries: Gauge,
    entries: Counter,
    batches: Counter,
    failed: Counter,
    lost: Counter,
    took: Histogram,
}

impl Counts {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let counter = |name, help| metrics.counter(name, help, &[]);
        let gauge = |name, help| metrics.gauge(name, help, &[]);
        Self {
            queue_entries: gauge("marque_audit_queue_entries", "Entries that wait to be written."),
            log_entries: gauge("marque_audit_log_entries", "Entries of the log that are signed."),
            batch_entries: gauge("marque_audit_batch_entries", "Entries of the batch that was written last."),
            entries: counter("marque_audit_entries_total", "Entries that were written."),
            batches: counter("marque_audit_batches_total", "Batches that were written."),
            failed: counter(
                "marque_audit_failed_entries_total",
                "Entries that could not be written; what they were for was refused.",
            ),
            lost: counter(
                "marque_audit_lost_entries_total",
                "Ends of streams and outcomes of acts that were not written; their beginnings stand.",
            ),
            took: metrics.histogram(
                "marque_audit_write_duration_seconds",
                "Time to make a batch durable and to sign it.",
                &[],
            ),
        }
    }

    pub(super) fn queued(&self, entries: i64) {
        self.queue_entries.add(entries);
    }

    pub(super) fn wrote(&self, entries: usize, took: Duration, size: u64) {
        self.entries.add(entries as u64);
        self.batches.add(1);
        self.batch_entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.took.observe(took);
        self.log_size(size);
    }

    pub(super) fn log_size(&self, size: u64) {
        self.log_entries.set(i64::try_from(size).unwrap_or(i64::MAX));
    }

    pub(super) fn failed(&self, entries: usize) {
        self.failed.add(entries as u64);
    }

    pub(super) fn lost(&self) {
        self.lost.add(1);
    }
}
