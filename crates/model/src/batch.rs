//! What names a batch of samples on its way from a car to the lake.

use std::{fmt, str::FromStr};

use crate::ParseError;

/// A priority class of a car's queue. Within a lane batches are in order; between lanes they are not.
///
/// When a queue is full, the oldest batches of the lowest lane go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Events that somebody waits for; never held back to fill a batch.
    Alert = 0,
    /// The latest state, sent about once a second.
    Live = 1,
    /// Everything else, in batches of some ten seconds.
    Bulk = 2,
}

impl Lane {
    /// Highest priority first.
    pub const ALL: [Self; 3] = [Self::Alert, Self::Live, Self::Bulk];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Live => "live",
            Self::Bulk => "bulk",
        }
    }

    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl FromStr for Lane {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL.into_iter().find(|lane| lane.slug() == text).ok_or(ParseError::Lane)
    }
}

/// Counts the lives of a car's queue. A queue that was lost or reset starts a new, higher epoch at
/// sequence 0, so that old and new batches are never confused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueEpoch(pub u32);

/// The number of a batch within its lane and epoch, from 0, without holes but for announced drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// How far the car's clock could be trusted when a batch was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClockState {
    #[default]
    Unknown,
    /// Set from GNSS, the network or the cloud, and kept; or found to agree with the cloud's.
    Synced,
    /// Held by nothing: never set since the car woke, off the cloud's, or not compared with it for long.
    FreeRunning,
    /// Was free-running; the times were corrected after a synchronisation.
    Corrected,
}

impl ClockState {
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Synced, Self::FreeRunning, Self::Corrected];

    pub const fn slug(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Synced => "synced",
            Self::FreeRunning => "free-running",
            Self::Corrected => "corrected",
        }
    }
}
