//! What a real drive costs on the wire: the log of a Toyota RAV4 of 2017 from comma2k19.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the checks of a test stand outside of its functions"
)]

use std::{fs, path::PathBuf, sync::Arc};

use bus::{dbc, log::LogReader, profile::Profile};
use campaigns::{Campaign, Collector, Group, How, Permissions, Plan, UploadLimits};
use model::{CampaignId, CampaignVersion, ConsentEpoch, Lane, Micros, Purpose, QueueEpoch, Seq, Timestamp};
use signals::SignalId;
use wire::{BatchMeta, ClockState, Encoder, decode_columns, parse_header};

const BYTES_PER_SAMPLE_MAX: f64 = 1.5;

fn data(path: &str) -> Option<Vec<u8>> {
    let bytes =
        fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path)).ok();
    if bytes.is_none() {
        eprintln!("skipped: ../shared/data is absent");
    }
    bytes
}

fn campaign(signals: Vec<SignalId>, how: How) -> Campaign {
    Campaign {
        id: CampaignId(1),
        version: CampaignVersion(1),
        name: "drive".to_owned(),
        purpose: Purpose::ProductImprovement,
        groups: vec![Group { signals, lane: Lane::Bulk, how, flush_every: Micros::from_secs(10) }],
        limits: UploadLimits::default(),
    }
}

/// Collects the whole log in batches of 10 s and checks that all of it comes out again.
fn check(how: How, samples_min: usize) {
    let (Some(database), Some(log)) =
        (data("dbc/toyota_new_mc_pt_generated.dbc"), data("comma2k19/rav4_2017_40.candump.log"))
    else {
        return;
    };
    let profile =
        Profile::builtin_external("toyota-rav4-2017", &dbc::read(&database).unwrap().database).unwrap();
    let catalogue = Arc::clone(profile.catalogue());
    let signals: Vec<_> = profile.signals().map(|(signal, _)| signal).collect();
    let (plan, refused) = Plan::new(vec![campaign(signals, how)], &catalogue);
    assert_eq!(refused, []);
    let mut collector = Collector::new(Arc::new(plan), Micros::ZERO);
    collector.set_permissions(Permissions::ask(ConsentEpoch(1), |_, _| true));
    let mut decoder = profile.decoder();
    let (mut batches, mut now) = (Vec::new(), Timestamp(0));
    for frame in LogReader::new(&*log) {
        let frame = frame.unwrap();
        now = frame.time;
        decoder.handle_frame(&frame, &mut |sample| collector.handle_reading(now, &sample));
        batches.extend(collector.poll(now));
    }
    collector.flush_all(now + Micros::from_secs(2));
    batches.extend(std::iter::from_fn(|| collector.poll(now + Micros::from_secs(2))));

    let (mut encoder, mut bytes, mut samples) = (Encoder::default(), 0, 0);
    for (seq, batch) in (0..).zip(&batches) {
        let meta = BatchMeta {
            epoch: QueueEpoch(1),
            seq: Seq(seq),
            lane: batch.lane,
            campaign: batch.campaign,
            version: batch.version,
            purpose: batch.purpose,
            consent_epoch: batch.consent_epoch,
            clock: ClockState::Synced,
            dropped: Vec::new(),
        };
        let encoded = encoder.encode(&meta, &batch.groups, &catalogue).unwrap();
        let (header, body) = parse_header(&encoded).unwrap();
        assert_eq!(decode_columns(&header, body, &catalogue).unwrap().groups, batch.groups);
        bytes += encoded.len();
        samples += batch.samples();
    }
    assert_eq!(samples as u64, collector.counters().collected);
    assert!(samples >= samples_min, "{samples} samples");
    let each = bytes as f64 / samples as f64;
    println!("{samples} samples in {} batches, {bytes} bytes, {each:.3} each", batches.len());
    assert!(each <= BYTES_PER_SAMPLE_MAX, "{each:.3} bytes a sample");
}

#[test]
fn a_real_drive_at_1_hz_takes_at_most_one_and_a_half_bytes_a_sample() {
    check(How::Every(Micros::SECOND), 500);
}

#[test]
fn a_real_drive_at_full_rate_takes_at_most_one_and_a_half_bytes_a_sample() {
    check(How::OnChange { min_interval: Micros::ZERO, min_delta: 0.0 }, 10_000);
}
