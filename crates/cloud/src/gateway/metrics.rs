//! What the gateway counts, one set a worker so that no two cores write one cache line.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::check::Refusal;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident $text:literal),+ $(,)?) => {
        /// Counters of one worker.
        #[derive(Debug, Default)]
        pub(super) struct Metrics {
            $(pub(super) $name: Counter,)+
            pub(super) refused: [Counter; Refusal::ALL.len()],
            pub(super) log_latency: Histogram,
        }

        /// What all workers counted since the gateway started.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Snapshot {
            $($(#[$doc])* pub $name: u64,)+
            /// Refused messages by [`Refusal::ALL`].
            pub refused: [u64; Refusal::ALL.len()],
            /// From a group's submission to its durability: how many groups took at most each of
            /// [`LATENCY_BOUNDS_US`], then how many took longer.
            pub log_latency: [u64; LATENCY_BOUNDS_US.len() + 1],
            /// The sum of all groups' times, in microseconds.
            pub log_latency_sum_us: u64,
        }

        impl Snapshot {
            pub(super) fn add(&mut self, metrics: &Metrics) {
                $(self.$name = self.$name.wrapping_add(metrics.$name.get());)+
                for (sum, counter) in self.refused.iter_mut().zip(&metrics.refused) {
                    *sum += counter.get();
                }
                for (sum, counter) in self.log_latency.iter_mut().zip(&metrics.log_latency.buckets) {
                    *sum += counter.get();
                }
                self.log_latency_sum_us += metrics.log_latency.sum_us.get();
            }

            fn render_counters(&self, out: &mut String) -> std::fmt::Result {
                $(writeln!(out, "{} {}", $text, self.$name)?;)+
                Ok(())
            }
        }
    };
}

counters! {
    /// Open sockets; a gauge.
    connections "marque_gateway_connections",
    connections_accepted "marque_gateway_connections_accepted_total",
    /// Over the limit of connections.
    connections_rejected "marque_gateway_connections_rejected_total",
    handshakes_full "marque_gateway_tls_handshakes_total{kind=\"full\"}",
    handshakes_resumed "marque_gateway_tls_handshakes_total{kind=\"resumed\"}",
    handshakes_failed "marque_gateway_tls_handshakes_total{kind=\"failed\"}",
    connects "marque_gateway_connects_total{outcome=\"accepted\"}",
    connects_refused "marque_gateway_connects_total{outcome=\"refused\"}",
    takeovers "marque_gateway_takeovers_total",
    /// Things that a car whose identity is its own does rarely.
    suspicions "marque_gateway_clone_suspicions_total",
    /// Of these, what nobody was told, since too much was to be told.
    suspicions_lost "marque_gateway_clone_suspicions_lost_total",
    /// Times that two cars were found to use one identity.
    clones "marque_gateway_clones_total",
    /// Messages of QoS 1 of all kinds.
    publishes "marque_gateway_publishes_total",
    /// Batches that are durable and acknowledged.
    batches "marque_gateway_batches_durable_total",
    batch_bytes "marque_gateway_batch_bytes_total",
    received_bytes "marque_gateway_received_bytes_total",
    sent_bytes "marque_gateway_sent_bytes_total",
    groups "marque_gateway_groups_total",
    /// Times that a car was read no further because it had sent more than it may.
    pauses "marque_gateway_quota_pauses_total",
    /// Times that new connections had to wait because too many came at once.
    accept_pauses "marque_gateway_accept_pauses_total",
    /// Times that reading stopped because the log had no room.
    stalls "marque_gateway_log_stalls_total",
    violations "marque_gateway_violations_total",
    keep_alive_timeouts "marque_gateway_keep_alive_timeouts_total",
    down_messages "marque_gateway_down_messages_total",
}

/// Upper bounds of the latency histogram, in microseconds.
pub const LATENCY_BOUNDS_US: [u64; 12] =
    [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000];

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }

    /// For gauges: a worker takes back what it added.
    pub(super) fn sub(&self, count: usize) {
        self.0.fetch_sub(count as u64, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [Counter; LATENCY_BOUNDS_US.len() + 1],
    sum_us: Counter,
}

impl Histogram {
    pub(super) fn observe(&self, span: Duration) {
        let us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let place = LATENCY_BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.add(1);
        }
        self.sum_us.add(usize::try_from(us).unwrap_or(usize::MAX));
    }
}

impl Metrics {
    pub(super) fn refuse(&self, refusal: Refusal) {
        if let Some(counter) = self.refused.get(refusal as usize) {
            counter.add(1);
        }
    }
}

impl Snapshot {
    /// Appends the counters in Prometheus' text format.
    pub fn render(&self, out: &mut String) -> std::fmt::Result {
        self.render_counters(out)?;
        for (refusal, count) in Refusal::ALL.iter().zip(self.refused) {
            writeln!(out, "marque_gateway_refused_total{{reason=\"{}\"}} {count}", refusal.slug())?;
        }
        let mut sum = 0;
        for (bound, count) in LATENCY_BOUNDS_US.iter().zip(self.log_latency) {
            sum += count;
            writeln!(out, "marque_gateway_log_latency_microseconds_bucket{{le=\"{bound}\"}} {sum}")?;
        }
        let total: u64 = self.log_latency.iter().sum();
        writeln!(out, "marque_gateway_log_latency_microseconds_bucket{{le=\"+Inf\"}} {total}")?;
        writeln!(out, "marque_gateway_log_latency_microseconds_sum {}", self.log_latency_sum_us)?;
        writeln!(out, "marque_gateway_log_latency_microseconds_count {total}")
    }
}
