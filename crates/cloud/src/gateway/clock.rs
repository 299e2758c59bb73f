//! The one place where the gateway reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// The same moment on both clocks: one for spans, one for people.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) time: Timestamp,
}

#[expect(clippy::disallowed_methods, reason = "the gateway's shell; all else is given the time")]
pub(super) fn now() -> Now {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX));
    Now { instant: Instant::now(), time }
}
