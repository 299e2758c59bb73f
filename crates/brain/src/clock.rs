//! The only place in this crate that reads the time.

use model::Timestamp;

/// Where the car's software takes the time from; the simulator and tests have their own.
pub type Clock = fn() -> Timestamp;

/// For what is due after a while: it never goes back, whatever the wall clock does.
pub(crate) fn monotonic() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// The operating system's clock.
#[expect(clippy::disallowed_methods, reason = "the shell of the car's software must know the time")]
pub fn system() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
