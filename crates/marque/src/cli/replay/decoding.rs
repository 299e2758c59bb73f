//! A log through the decoder of a car.

use std::sync::Arc;

use bus::{
    CanFrame,
    profile::{Profile, ProfileDecoder},
};
use model::{Micros, Timestamp};
use signals::Sample;

use super::Coverage;

/// Decodes a log frame by frame as a brain does: what a frame says, then what went silent before the latest time.
pub(super) struct Decoding {
    decoder: ProfileDecoder,
    coverage: Coverage,
    begin_and_end: Option<(Timestamp, Timestamp)>,
}

impl Decoding {
    pub(super) fn new(profile: &Arc<Profile>) -> Self {
        Self { decoder: profile.decoder(), coverage: Coverage::default(), begin_and_end: None }
    }

    pub(super) fn take(&mut self, frame: &CanFrame, mut each: impl FnMut(Sample)) {
        self.coverage.add_frame(frame, self.decoder.profile());
        let (_, end) = self.begin_and_end.get_or_insert((frame.time, frame.time));
        *end = frame.time.max(*end);
        let samples = &mut self.coverage.samples;
        let mut counted = |sample| {
            *samples += 1;
            each(sample);
        };
        self.decoder.handle_frame(frame, &mut counted);
        self.decoder.poll(*end, &mut counted);
    }

    /// What was read; lines that could not be are the reader's to count.
    pub(super) fn coverage(&self, bad_lines: u64) -> Coverage {
        Coverage { bad_lines, ..self.coverage }
    }

    /// The latest time of a frame.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.begin_and_end.map(|(_, end)| end)
    }

    /// From the first frame to the latest.
    pub(super) fn span(&self) -> Micros {
        self.begin_and_end.map_or(Micros::ZERO, |(begin, end)| end.since(begin))
    }
}
