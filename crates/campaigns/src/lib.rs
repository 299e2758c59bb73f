//! Campaigns: what to collect, when, and in which batches it leaves the car.
//!
//! A [`Campaign`] is what somebody in the cloud wants; a [`Plan`] is a set of campaigns resolved
//! against a catalogue, shared by all cars that have them; a [`Collector`] is one car's state.
//!
//! Invariants, as absences: `campaigns` never reads a clock, knows no wire format, and has no way to
//! put a sample in a batch that the [`Permissions`] do not allow.

mod campaign;
mod collector;
mod columns;
mod permissions;
mod plan;

pub use campaign::{Campaign, Group, How, UploadLimits, limits};
pub use collector::{Collector, Counters, ReadyBatch};
pub use columns::{ArrayColumn, Column, ColumnData, Exception, RowGroup, TextColumn};
pub use permissions::Permissions;
pub use plan::Plan;

use model::{CampaignId, Micros};
use signals::SignalId;

/// Why a campaign cannot be used; each names the place in the campaign. Groups count from 0.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("campaign {campaign}: a name has 1 to {} characters", limits::NAME_CHARS_MAX)]
    Name { campaign: CampaignId },
    #[error("campaign {campaign}: it has {count} groups; 1 to {} are allowed", limits::GROUPS_MAX)]
    GroupCount { campaign: CampaignId, count: usize },
    #[error("campaign {campaign}: a quota of 0 samples a minute collects nothing; leave it out for no quota")]
    Quota { campaign: CampaignId },
    #[error(
        "campaign {campaign}, group {group}: there are {count} signals in its lane; 1 to {} are allowed",
        limits::LANE_SIGNALS_MAX
    )]
    SignalCount { campaign: CampaignId, group: usize, count: usize },
    #[error(
        "campaign {campaign}, group {group}: signal {signal} is not in this catalogue; use one that has it, or remove the signal"
    )]
    UnknownSignal { campaign: CampaignId, group: usize, signal: SignalId },
    #[error("campaign {campaign}, group {group}: `{path}` stands twice; remove one")]
    DuplicateSignal { campaign: CampaignId, group: usize, path: String },
    #[error("campaign {campaign}, group {group}: `{path}` names the car and never goes up; remove it")]
    NeverGoesUp { campaign: CampaignId, group: usize, path: String },
    #[error("campaign {campaign}, group {group}: `{field}` is {value}; it must be {min} to {max}")]
    OutOfRange {
        campaign: CampaignId,
        group: usize,
        field: &'static str,
        value: Micros,
        min: Micros,
        max: Micros,
    },
    #[error("campaign {campaign}, group {group}: `min_delta` is {value}; it must be 0 or a positive number")]
    MinDelta { campaign: CampaignId, group: usize, value: f64 },
}
