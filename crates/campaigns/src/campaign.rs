//! What somebody wants to know of a car, and whether that can be done.

use std::collections::HashSet;

use model::{CampaignId, CampaignVersion, Lane, Micros, Purpose};
use signals::{Catalogue, SignalId};

use crate::Error;

/// What a campaign may ask for, each with its reason.
pub mod limits {
    use model::Micros;

    /// A line in a list.
    pub const NAME_CHARS_MAX: usize = 120;
    /// More ways to collect than anyone reads in one document.
    pub const GROUPS_MAX: usize = 32;
    /// Signals of a campaign in one lane, as many as a batch has columns.
    pub const LANE_SIGNALS_MAX: usize = 4_096;
    /// 100 Hz is the fastest cycle of a chassis bus; who needs every frame collects on change.
    pub const PERIOD_MIN: Micros = Micros(10_000);
    /// A slower signal belongs in the car's report.
    pub const PERIOD_MAX: Micros = Micros::DAY;
    /// A car that stands still for an hour should have said all that it knows.
    pub const FLUSH_MAX: Micros = Micros::HOUR;
}

/// What to collect from a car, for one purpose.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    pub id: CampaignId,
    pub version: CampaignVersion,
    pub name: String,
    pub purpose: Purpose,
    pub groups: Vec<Group>,
    pub limits: UploadLimits,
}

/// Signals that are collected in the same way and leave in the same lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub signals: Vec<SignalId>,
    pub lane: Lane,
    pub how: How,
    /// How long a sample may wait for others before its batch is made. A campaign makes one batch
    /// per lane, so the shortest of the groups that share a lane counts. Zero waits for nothing.
    pub flush_every: Micros,
}

/// When a signal is collected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum How {
    /// What the signal was at each tick, if it was read since the tick before. Rows carry the
    /// tick's time, so that all signals of a group share it and cost next to nothing.
    Every(Micros),
    /// Readings with their own source time that differ by at least `min_delta` from the last one
    /// collected, at most one each `min_interval`; the last reading of a burst is never lost.
    ///
    /// A `min_delta` of zero takes readings whether they differ or not, so zero and zero take every
    /// reading there is. For booleans, texts and arrays any positive `min_delta` means "differs".
    OnChange { min_interval: Micros, min_delta: f64 },
}

/// What a campaign may cost a car.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UploadLimits {
    /// Samples above it are dropped until the next minute, and counted. `None` is without limit.
    pub samples_per_minute_max: Option<u32>,
}

impl Campaign {
    /// Checks all that can be known without a car. The platform calls it before it stores a
    /// campaign, the car before it uses one.
    pub fn validate(&self, catalogue: &Catalogue) -> Result<(), Error> {
        let campaign = self.id;
        if self.name.is_empty() || self.name.chars().count() > limits::NAME_CHARS_MAX {
            return Err(Error::Name { campaign });
        }
        if self.groups.is_empty() || self.groups.len() > limits::GROUPS_MAX {
            return Err(Error::GroupCount { campaign, count: self.groups.len() });
        }
        if self.limits.samples_per_minute_max == Some(0) {
            return Err(Error::Quota { campaign });
        }
        let mut lane_signals = [0; Lane::ALL.len()];
        self.groups.iter().enumerate().try_for_each(|(index, group)| {
            let count = &mut lane_signals[group.lane.index()];
            *count += group.signals.len();
            if group.signals.is_empty() || *count > limits::LANE_SIGNALS_MAX {
                return Err(Error::SignalCount { campaign, group: index, count: *count });
            }
            check_signals(campaign, index, group, catalogue)?;
            check_times(campaign, index, group)
        })
    }
}

fn check_signals(
    campaign: CampaignId,
    index: usize,
    group: &Group,
    catalogue: &Catalogue,
) -> Result<(), Error> {
    let mut seen = HashSet::with_capacity(group.signals.len());
    for signal in &group.signals {
        let Some(leaf) = catalogue.by_id(*signal) else {
            return Err(Error::UnknownSignal { campaign, group: index, signal: *signal });
        };
        if leaf.stays_in_car() {
            return Err(Error::NeverGoesUp { campaign, group: index, path: leaf.path.to_string() });
        }
        if !seen.insert(*signal) {
            return Err(Error::DuplicateSignal { campaign, group: index, path: leaf.path.to_string() });
        }
    }
    Ok(())
}

fn check_times(campaign: CampaignId, index: usize, group: &Group) -> Result<(), Error> {
    let check = |field, value: Micros, min: Micros, max: Micros| {
        if (min..=max).contains(&value) {
            Ok(())
        } else {
            Err(Error::OutOfRange { campaign, group: index, field, value, min, max })
        }
    };
    check("flush_every", group.flush_every, Micros::ZERO, limits::FLUSH_MAX)?;
    match group.how {
        How::Every(period) => {
            check("every", period, limits::PERIOD_MIN, limits::PERIOD_MAX)?;
        }
        How::OnChange { min_interval, min_delta } => {
            check("min_interval", min_interval, Micros::ZERO, limits::PERIOD_MAX)?;
            if !min_delta.is_finite() || min_delta < 0.0 {
                return Err(Error::MinDelta { campaign, group: index, value: min_delta });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
