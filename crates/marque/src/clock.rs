//! The one place of this binary that reads the clock.

use model::Timestamp;

/// Microseconds since 1970 in UTC.
#[expect(clippy::disallowed_methods, reason = "the binary's one look at the clock")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A moment to measure spans from.
#[expect(clippy::disallowed_methods, reason = "the binary's one look at the monotonic clock")]
pub(crate) fn instant() -> std::time::Instant {
    std::time::Instant::now()
}
