//! What cars did, counted. One set may be shared by all cars of a process.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Running counters, safe to read at any time.
        #[derive(Debug, Default)]
        pub struct Stats { $($(#[$doc])* pub $name: Counter),+ }

        /// The counters at one time.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Snapshot { $($(#[$doc])* pub $name: u64),+ }

        impl Stats {
            pub fn snapshot(&self) -> Snapshot {
                Snapshot { $($name: self.$name.get()),+ }
            }
        }

        impl fmt::Display for Snapshot {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let all = [$((stringify!($name), self.$name)),+];
                for (place, (name, count)) in all.into_iter().enumerate() {
                    let space = if place == 0 { "" } else { " " };
                    write!(f, "{space}{name}={count}")?;
                }
                Ok(())
            }
        }
    };
}

stats! {
    /// Messages of the car's network.
    bus_messages,
    /// Of them, those that could not be read.
    bad_messages,
    /// Questions and targets that could not be put on the car's network.
    bus_messages_unsent,
    /// Samples that the broker took.
    samples_published,
    /// Samples that the collector missed because it was too slow.
    samples_missed,
    /// Readings that campaigns asked for and that were not later than the signal's reading before.
    readings_not_newer,
    /// Readings that campaigns asked for, of a time that no car lives in: some source's clock is not set.
    readings_out_of_time,
    /// Readings that campaigns asked for and consent keeps in the car.
    readings_withheld,
    /// Readings above the quota of their campaign.
    readings_over_quota,
    /// Samples in batches that went to the queue.
    samples_queued,
    batches_queued,
    /// Bytes of those batches.
    bytes_queued,
    /// Batches that could not be encoded or written, such as on a full disk.
    batches_lost,
    /// Samples that the platform has stored.
    samples_acknowledged,
    batches_acknowledged,
    /// Batches that the platform refused for ever.
    batches_refused,
    samples_refused,
    /// Samples deleted from the queue because a grant was withdrawn before they left.
    samples_withdrawn,
    /// Batches that the queue dropped because it was full.
    batches_dropped,
    /// Desired documents that were applied.
    documents_applied,
    /// Desired documents that were refused.
    documents_refused,
    connects,
    connect_failures,
    disconnects,
    /// Columns that the platform put in quarantine, as it told the car.
    bad_columns,
}

/// A number that only goes up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
