use std::time::Instant;

use model::{Micros, Timestamp};

/// What the server's clock said at one moment between the car's CONNECT and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerTime {
    pub time: Timestamp,
    /// When CONNECT was made.
    pub asked: Instant,
    /// When CONNACK came.
    pub told: Instant,
}

impl ServerTime {
    /// The earliest and the latest that the server's clock can say at `now`; how long the answer took lies between
    /// them.
    pub fn range_at(&self, now: Instant) -> (Timestamp, Timestamp) {
        let since =
            |then| Micros(i64::try_from(now.saturating_duration_since(then).as_micros()).unwrap_or(i64::MAX));
        (self.time + since(self.told), self.time + since(self.asked))
    }
}
