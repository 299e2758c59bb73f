//! How much of a log its profile understands.

use anyhow::bail;
use bus::{CanFrame, profile::Profile};

/// One known frame of so many is less than any profile of the right car knows.
const FRAMES_PER_KNOWN_MAX: u64 = 100;

/// What was read of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    pub frames: u64,
    /// Frames whose id the profile knows.
    pub known_frames: u64,
    pub bad_lines: u64,
    pub samples: u64,
}

impl Coverage {
    pub(super) fn add_frame(&mut self, frame: &CanFrame, profile: &Profile) {
        self.frames += 1;
        self.known_frames += u64::from(profile.database().message(frame.id()).is_some());
    }

    /// A log without a frame is an error; what else looks wrong is said.
    pub(super) fn check(&self) -> anyhow::Result<Option<String>> {
        let Self { frames, known_frames, bad_lines, samples } = *self;
        if frames == 0 {
            bail!(
                "no frame was read, and {bad_lines} lines could not be; a log is candump, as `candump -L` writes \
                 it, or GVRET CSV with its head line, as SavvyCAN does"
            );
        }
        let unknown_frames = frames - known_frames;
        let counts = format!("known_frames={known_frames} unknown_frames={unknown_frames}");
        Ok(match (samples, known_frames) {
            (0, 0) => Some(format!(
                "no sample: the profile knows none of the log's frames ({counts}); is it the profile of this car?"
            )),
            (0, _) => Some(format!(
                "no sample: of the frames that it knows the profile maps no signal, or it expects them on \
                 another bus ({counts}); map them as docs/profiles.md says and give the maps with --map"
            )),
            (_, known) if known.saturating_mul(FRAMES_PER_KNOWN_MAX) < frames => {
                Some(format!("the profile knows few of the log's frames ({counts}); is it of this car?"))
            }
            (..) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_says_what_is_wrong_with_it() {
        let check = |[frames, known_frames, samples]: [u64; 3], said: Option<&str>| {
            let coverage = Coverage { frames, known_frames, bad_lines: 0, samples };
            let warning = coverage.check().unwrap();
            assert_eq!(warning.is_some(), said.is_some(), "{warning:?}");
            assert!(warning.unwrap_or_default().contains(said.unwrap_or_default()));
        };
        check([100, 40, 7], None);
        check([100, 0, 0], Some("knows none of the log's frames (known_frames=0 unknown_frames=100)"));
        check([100, 40, 0], Some("maps no signal"));
        check([98_800, 10, 36], Some("knows few"));
        let nothing = Coverage { bad_lines: 25, ..Coverage::default() }.check().unwrap_err().to_string();
        assert!(nothing.contains("25 lines") && nothing.contains("candump -L"), "{nothing}");
    }
}
