//! What the cars send: real batches of 20 samples.

use anyhow::Context as _;
use campaigns::{Column, RowGroup};
use model::{CampaignId, CampaignVersion, ConsentEpoch, Lane, Purpose, QueueEpoch, Seq, Timestamp};
use signals::{Catalogue, DataType, Quality, ScalarType, Value};
use wire::{BatchMeta, ClockState, encode_batch};

/// Samples in each message.
const SAMPLES: usize = 20;

/// Different batches; every car sends them in turns.
const BATCHES: u32 = 64;

/// The campaign that all cars of the bench carry out.
pub(in crate::bench) const CAMPAIGN: CampaignId = CampaignId(1);
pub(in crate::bench) const VERSION: CampaignVersion = CampaignVersion(1);
pub(in crate::bench) const PURPOSE: Purpose = Purpose::FleetManagement;
pub(in crate::bench) const LANE: Lane = Lane::Live;

/// Batches of 20 signals of the core catalogue at one moment each.
pub(super) fn encode() -> anyhow::Result<Vec<Vec<u8>>> {
    let catalogue = Catalogue::core();
    let mut leaves: Vec<_> = catalogue
        .leaves()
        .filter(|leaf| leaf.data_type == DataType::Scalar(ScalarType::Float))
        .take(SAMPLES)
        .collect();
    leaves.sort_by_key(|leaf| leaf.id);
    let batch = |number: u32| {
        let columns = (0_u32..).zip(&leaves).map(|(place, leaf)| {
            let mut column = Column::new(leaf);
            let value = f64::from((number * 7 + place * 13) % 97) / 2.0;
            column.push(leaf, Some(&Value::Float(value)), Quality::Good);
            column
        });
        let time = Timestamp(1_767_225_600_000_000 + i64::from(number) * 1_000_000);
        let group = RowGroup { times: vec![time], columns: columns.collect() };
        let meta = BatchMeta {
            epoch: QueueEpoch(1),
            seq: Seq(u64::from(number)),
            lane: LANE,
            campaign: CAMPAIGN,
            version: VERSION,
            purpose: PURPOSE,
            consent_epoch: ConsentEpoch(1),
            clock: ClockState::Synced,
            dropped: Vec::new(),
        };
        encode_batch(&meta, &[group], &catalogue).context("encode a batch of the bench")
    };
    (0..BATCHES).map(batch).collect()
}
