//! A recorded bus.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use bus::{
    CanFrame,
    log::{LogReader, Pace, Replay},
    profile::BusMessage,
};
use model::{Micros, Timestamp};

use super::{Input, Provider, What};
use crate::{Error, clock::Clock};

/// Plays a candump or GVRET log, at the speed of its recording or as fast as it goes.
///
/// Reading a line from a local file takes a microsecond, so it is done in place.
#[derive(Debug)]
pub struct ReplayProvider<R: Read = File> {
    reader: LogReader<BufReader<R>>,
    replay: Replay,
    pace: Pace,
    clock: Clock,
    /// Read, but not due yet.
    next: Option<CanFrame>,
    frames: u64,
}

impl ReplayProvider {
    /// Opens a log. Its first frame is played as if it had been seen at `start`.
    pub fn open(path: &Path, pace: Pace, start: Timestamp, clock: Clock) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| Error::Log { path: path.to_owned(), source })?;
        Ok(Self::new(file, pace, start, clock))
    }
}

impl<R: Read> ReplayProvider<R> {
    /// Plays what can be read. Lines that are no frames are counted and passed over.
    pub fn new(input: R, pace: Pace, start: Timestamp, clock: Clock) -> Self {
        Self {
            reader: LogReader::new(BufReader::new(input)).tolerant(),
            replay: Replay::new(pace, start),
            pace,
            clock,
            next: None,
            frames: 0,
        }
    }

    /// Frames that were played.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Lines that could not be read.
    pub fn bad_lines(&self) -> u64 {
        self.reader.bad_lines()
    }

    /// The next frame at its time in the replay.
    fn peek(&mut self) -> Option<CanFrame> {
        if self.next.is_none() {
            let frame = self.reader.find_map(Result::ok)?;
            self.next = Some(frame.at(self.replay.time_of(frame.time)));
        }
        self.next
    }

    fn take(&mut self) -> Option<Input> {
        let frame = self.next.take()?;
        self.frames += 1;
        Some(Input { time: frame.time, what: What::Bus(BusMessage::Can(frame)) })
    }
}

impl<R: Read + Send> Provider for ReplayProvider<R> {
    async fn next(&mut self) -> Option<Input> {
        let frame = self.peek()?;
        let wait = self.replay.wait(frame.time, (self.clock)());
        if wait > Micros::ZERO {
            tokio::time::sleep(wait.to_duration()).await;
        }
        self.take()
    }

    fn try_next(&mut self) -> Option<Input> {
        let frame = self.peek()?;
        let due = self.replay.wait(frame.time, (self.clock)()) == Micros::ZERO;
        if due { self.take() } else { None }
    }

    /// Nobody listens to a recording.
    fn send(&mut self, _message: BusMessage) -> bool {
        false
    }

    fn is_live(&self) -> bool {
        match self.pace {
            Pace::Real => true,
            Pace::Full => false,
        }
    }
}
