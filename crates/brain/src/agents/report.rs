//! What the car tells of itself.

use std::sync::Arc;

use bus::profile::Profile;
use campaigns::Plan;
use model::{Lane, Timestamp};
use wire::{QueueReport, Report};

use crate::{desired::Desired, queue::Queue};

/// The report at one time. Of the signals that the car has no source for it names those that a
/// campaign asks for: the others nobody waits for, and there are hundreds.
pub(crate) fn report(
    now: Timestamp,
    software: &str,
    desired: &Desired,
    profile: Option<&Arc<Profile>>,
    queue: &Queue,
) -> Report {
    let queues = Lane::ALL.into_iter().map(|lane| {
        let counters = queue.lane_counters(lane);
        QueueReport {
            lane,
            epoch: counters.next.epoch,
            next_seq: counters.next.seq,
            pending_batches: counters.batches,
            pending_bytes: counters.bytes,
            dropped_batches: counters.dropped_batches,
            dropped: counters.dropped.into_iter().collect(),
        }
    });
    Report {
        at: now,
        software: software.to_owned(),
        catalogue: desired.plan().catalogue().hash(),
        applied: desired.applied(),
        not_available: not_available(desired.plan(), profile),
        queues: queues.collect(),
    }
}

fn not_available(plan: &Plan, profile: Option<&Arc<Profile>>) -> Vec<String> {
    let lacking = plan
        .signals()
        .iter()
        .filter(|signal| profile.is_none_or(|profile| profile.provenance(**signal).is_none()));
    lacking.filter_map(|signal| plan.catalogue().by_id(*signal)).map(|leaf| leaf.path.to_string()).collect()
}
