//! How far the car's clock can be trusted, by what the platform says that the time is.

use std::time::Instant;

use link::client::ServerTime;
use model::{Micros, Timestamp};
use wire::ClockState;

/// A clock that is right may be off by this much: some sources set it to whole seconds.
const OFF_MAX: Micros = Micros(2 * Micros::SECOND.0);

/// How long what the platform said counts: in a day a quartz that is wrong by 100 ppm drifts 9 s.
const CONTACT_AGO_MAX: Micros = Micros::DAY;

/// What a clock that says `clock` at `now` is worth. A clock that was set since the platform was heard is compared like
/// any other, since `now` goes on evenly; it stands still while the car sleeps, so that a car that woke must hear again.
pub(crate) fn clock_state(heard: Option<ServerTime>, clock: Timestamp, now: Instant) -> ClockState {
    let Some(heard) = heard else { return ClockState::Unknown };
    let (earliest, latest) = heard.range_at(now);
    let is_recent = earliest.since(heard.time) <= CONTACT_AGO_MAX;
    let is_right = (earliest - OFF_MAX..=latest + OFF_MAX).contains(&clock);
    if is_recent && is_right { ClockState::Synced } else { ClockState::FreeRunning }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HEARD: Timestamp = Timestamp(1_767_225_600_000_000);
    const ANSWERED_AFTER: Duration = Duration::from_secs(5);

    /// The state of a clock that is off by so much, so long after the platform's answer.
    #[track_caller]
    fn check(off: Micros, since_answer: Micros, expected: ClockState) {
        let asked = tokio::time::Instant::now().into_std();
        let told = asked + ANSWERED_AFTER;
        let heard = ServerTime { time: HEARD, asked, told };
        let state = clock_state(Some(heard), HEARD + since_answer + off, told + since_answer.to_duration());
        assert_eq!(state, expected, "off by {off}, after {since_answer}");
    }

    #[test]
    fn a_clock_that_agrees_is_synced() {
        check(Micros::ZERO, Micros::ZERO, ClockState::Synced);
        check(Micros(-OFF_MAX.0), Micros::MINUTE, ClockState::Synced);
    }

    #[test]
    fn how_long_the_answer_took_is_allowed_for() {
        let answered_after = Micros(5 * Micros::SECOND.0);
        check(Micros(answered_after.0 + OFF_MAX.0), Micros::MINUTE, ClockState::Synced);
        check(Micros(answered_after.0 + OFF_MAX.0 + 1), Micros::MINUTE, ClockState::FreeRunning);
    }

    #[test]
    fn a_clock_that_is_off_runs_free() {
        check(Micros(-OFF_MAX.0 - 1), Micros::ZERO, ClockState::FreeRunning);
        check(Micros::HOUR, Micros::ZERO, ClockState::FreeRunning);
        check(Micros(-HEARD.0), Micros::ZERO, ClockState::FreeRunning);
    }

    #[test]
    fn after_a_day_nothing_holds_the_clock_any_more() {
        check(Micros::ZERO, Micros::DAY, ClockState::Synced);
        check(Micros::ZERO, Micros(Micros::DAY.0 + 1), ClockState::FreeRunning);
    }

    #[test]
    fn nothing_is_known_of_a_clock_before_the_platform_was_heard() {
        assert_eq!(clock_state(None, HEARD, tokio::time::Instant::now().into_std()), ClockState::Unknown);
    }
}
