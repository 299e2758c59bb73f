//! A body of any bytes is decoded or refused within its header's limits, and what was decoded is
//! encoded and decoded again the same.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use model::{CampaignId, CampaignVersion, ConsentEpoch, Lane, Purpose, QueueEpoch, Seq, Timestamp};
use signals::Catalogue;
use wire::{BatchHeader, BatchMeta, BodyRef, ClockState, Encoding, decode_columns, encode_batch, parse_header};

static META: LazyLock<BatchMeta> = LazyLock::new(|| BatchMeta {
    epoch: QueueEpoch(1),
    seq: Seq(1),
    lane: Lane::Bulk,
    campaign: CampaignId(1),
    version: CampaignVersion(1),
    purpose: Purpose::Maintenance,
    consent_epoch: ConsentEpoch(1),
    clock: ClockState::Synced,
    dropped: Vec::new(),
});

fuzz_target!(|input: (bool, u16, u8, &[u8])| {
    let (compressed, samples, columns, body) = input;
    let catalogue = Catalogue::core();
    let header = BatchHeader {
        meta: META.clone(),
        catalogue: catalogue.hash(),
        base_time: Timestamp(1_767_225_600_000_000),
        samples: u32::from(samples),
        columns: u32::from(columns),
        raw_bytes: if compressed { 4_096 } else { u32::try_from(body.len()).unwrap_or(u32::MAX) },
        encoding: if compressed { Encoding::Zstd } else { Encoding::Plain },
    };
    let Ok(decoded) = decode_columns(&header, BodyRef::new(body), &catalogue) else { return };
    let got: usize = decoded.groups.iter().map(|group| group.samples()).sum();
    let lost: usize = decoded.bad_columns.iter().map(|bad| bad.samples as usize).sum();
    assert_eq!(got + lost, usize::from(samples));
    let Ok(again) = encode_batch(&META, &decoded.groups, &catalogue) else { return };
    let (header, body) = parse_header(&again).expect("it was encoded here");
    let same = decode_columns(&header, body, &catalogue).expect("it was encoded here");
    assert_eq!(same.groups, decoded.groups);
});
