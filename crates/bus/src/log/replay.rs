//! When a recorded frame is due.

use model::{Micros, Timestamp};

/// How fast a log is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pace {
    /// As fast as it can be read.
    Full,
    /// As fast as it was recorded.
    Real,
}

/// Maps a log's times onto the time of its replay: the first frame is at `start`, all others as
/// long after it as they were recorded.
///
/// A pure function of the times handed in; whoever replays does the waiting.
#[derive(Debug, Clone)]
pub struct Replay {
    pace: Pace,
    start: Timestamp,
    first: Option<Timestamp>,
}

impl Replay {
    pub fn new(pace: Pace, start: Timestamp) -> Self {
        Self { pace, start, first: None }
    }

    /// The time that a frame of the log has in the replay, whatever the pace. The first call sets
    /// which log time is the start.
    pub fn time_of(&mut self, recorded: Timestamp) -> Timestamp {
        let first = *self.first.get_or_insert(recorded);
        self.start + recorded.since(first)
    }

    /// How long to wait before a frame that [`time_of`](Self::time_of) placed at `time` is due.
    /// Nothing at full speed, for a frame that is late, or for one whose log stepped back in time.
    pub fn wait(&self, time: Timestamp, now: Timestamp) -> Micros {
        match self.pace {
            Pace::Full => Micros::ZERO,
            Pace::Real => time.since(now).max(Micros::ZERO),
        }
    }
}
