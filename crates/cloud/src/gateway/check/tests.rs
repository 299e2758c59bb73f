use campaigns::{Column, RowGroup};
use model::{
    Brand, CampaignId, CampaignVersion, ConsentEpoch, DataCategory, Purpose, QueueEpoch, Seq, SubjectId,
};
use signals::{Catalogue, Quality, Value};
use wire::{BatchMeta, encode_batch};

use super::*;
use crate::gateway::backend::Assignment;

const ENDED_AT: Timestamp = Timestamp(1_767_225_600_000_000);

#[derive(Debug)]
struct AllKnown;

impl Registry for AllKnown {
    fn admit(
        &self,
        _: crate::gateway::Credentials,
    ) -> lake::log::BoxFuture<'static, Result<Admission, crate::gateway::Denial>> {
        unreachable!("a batch is checked against what is admitted")
    }

    fn knows_catalogue(&self, _: CatalogueHash) -> bool {
        true
    }

    fn knows_campaign(&self, _: CampaignId) -> bool {
        true
    }
}

/// A batch for a campaign, measured at a time of the car's clock.
fn batch(campaign: u64, clock: ClockState, measured_at: Timestamp) -> Vec<u8> {
    let meta = BatchMeta {
        epoch: QueueEpoch(1),
        seq: Seq(1),
        lane: Lane::Live,
        campaign: CampaignId(campaign),
        version: CampaignVersion(1),
        purpose: Purpose::Safety,
        consent_epoch: ConsentEpoch(1),
        clock,
        dropped: Vec::new(),
    };
    let catalogue = Catalogue::core();
    let leaf = catalogue.by_path("Vehicle.Speed").unwrap();
    assert_eq!(leaf.category, DataCategory::Driving);
    let mut column = Column::new(leaf);
    column.push(leaf, Some(&Value::Float(1.5)), Quality::Good);
    let group = RowGroup { times: vec![measured_at], columns: vec![column] };
    encode_batch(&meta, &[group], &catalogue).unwrap()
}

fn check(campaign: u64, clock: ClockState, measured_at: Timestamp) -> Result<u32, Refusal> {
    check_at(measured_at, campaign, clock, measured_at)
}

/// Campaigns 9 to 5, of which 7 has ended.
fn check_at(
    now: Timestamp,
    campaign: u64,
    clock: ClockState,
    measured_at: Timestamp,
) -> Result<u32, Refusal> {
    check_since(ConsentEpoch(0), now, campaign, clock, measured_at)
}

fn check_since(
    first_epoch: ConsentEpoch,
    now: Timestamp,
    campaign: u64,
    clock: ClockState,
    measured_at: Timestamp,
) -> Result<u32, Refusal> {
    let assignment = |id: u64| Assignment {
        campaign: CampaignId(id),
        version: CampaignVersion(1),
        purpose: Purpose::Safety,
        ended_at: (id == 7).then_some(ENDED_AT),
    };
    let admission = Admission {
        subject: SubjectId::from_bytes([1; 16]),
        brand: Brand::Fiat,
        first_epoch,
        campaigns: (5..=9).rev().map(assignment).collect(),
        until: None,
    };
    let batch = batch(campaign, clock, measured_at);
    let checked = check_batch(&batch, Lane::Live, &admission, &AllKnown, now, &mut None);
    checked.map(|checked| checked.content.samples)
}

#[test]
fn what_a_former_owner_left_in_the_queue_is_refused() {
    // The batch is of epoch 1.
    let check =
        |first_epoch| check_since(ConsentEpoch(first_epoch), ENDED_AT, 8, ClockState::Synced, ENDED_AT);
    assert_eq!(check(1), Ok(1));
    assert_eq!(check(2), Err(Refusal::FormerOwner));
}

#[test]
fn each_campaign_of_a_car_is_found() {
    for campaign in 5..=9 {
        assert_eq!(check(campaign, ClockState::Synced, ENDED_AT), Ok(1), "{campaign}");
    }
    assert_eq!(check(4, ClockState::Synced, ENDED_AT), Err(Refusal::NotAssigned));
}

#[test]
fn what_was_measured_long_after_a_campaigns_end_is_refused() {
    let late = ENDED_AT + UNLINKED_MAX + Micros::SECOND;
    for clock in [ClockState::Synced, ClockState::Corrected] {
        assert_eq!(check(7, clock, ENDED_AT + UNLINKED_MAX), Ok(1));
        assert_eq!(check(7, clock, late), Err(Refusal::NotAssigned));
    }
    for clock in [ClockState::Unknown, ClockState::FreeRunning] {
        assert_eq!(check(7, clock, late), Ok(1), "a clock that was not set says nothing");
    }
    assert_eq!(check(8, ClockState::Synced, late), Ok(1));
}

#[test]
fn what_comes_later_than_a_queue_may_keep_it_is_refused_of_a_clock_that_was_not_set() {
    let last = ENDED_AT + UNLINKED_MAX + QUEUED_MAX;
    let late = last + Micros::SECOND;
    for clock in [ClockState::Unknown, ClockState::FreeRunning] {
        assert_eq!(check_at(last, 7, clock, ENDED_AT), Ok(1));
        assert_eq!(check_at(late, 7, clock, ENDED_AT), Err(Refusal::NotAssigned));
        assert_eq!(check_at(late, 8, clock, ENDED_AT), Ok(1));
    }
    assert_eq!(
        check_at(late, 7, ClockState::Synced, ENDED_AT),
        Ok(1),
        "its own time says when it was measured"
    );
}
