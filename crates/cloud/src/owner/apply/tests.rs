use std::cell::RefCell;

use campaigns::{Column, ColumnData, RowGroup};
use lake::log::{Entry, GroupBuilder};
use model::{
    Brand, CampaignId, CampaignVersion, ConsentEpoch, Lane, Purpose, QueueEpoch, Seq, ShardId, Timestamp,
};
use signals::{CatalogueBuilder, Leaf, Value};
use wire::{BatchMeta, ClockState, SeqRange};

use super::*;

const SPEED: &str = "Vehicle.Speed";

fn meta(seq: u64, dropped: Vec<SeqRange>) -> BatchMeta {
    BatchMeta {
        epoch: QueueEpoch(1),
        seq: Seq(seq),
        lane: Lane::Bulk,
        campaign: CampaignId(5),
        version: CampaignVersion(1),
        purpose: Purpose::FleetManagement,
        consent_epoch: ConsentEpoch(0),
        clock: ClockState::Synced,
        dropped,
    }
}

fn batch(seq: u64, dropped: Vec<SeqRange>) -> Vec<u8> {
    let core = Catalogue::core();
    let leaf = core.by_path(SPEED).unwrap();
    let column = Column {
        signal: leaf.id,
        data: ColumnData::Fixed(vec![leaf.scale.mantissa(50.0).unwrap(), leaf.scale.mantissa(60.0).unwrap()]),
        exceptions: Vec::new(),
    };
    let time = i64::try_from(seq).unwrap() * 1_000_000;
    let group = RowGroup { times: vec![Timestamp(time), Timestamp(time + 1)], columns: vec![column] };
    wire::encode_batch(&meta(seq, dropped), &[group], &core).unwrap()
}

/// The batch with other content and a checksum that fits.
fn resealed(batch: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut batch = batch[..batch.len() - 4].to_vec();
    change(&mut batch);
    let crc = crc32c::crc32c(&batch);
    batch.extend_from_slice(&crc.to_le_bytes());
    batch
}

/// A batch that claims another catalogue than it was made with: the hash stands in it as it is.
fn claiming(batch: &[u8], made_with: CatalogueHash, claimed: CatalogueHash) -> Vec<u8> {
    let hash = made_with.0.to_le_bytes();
    let at = batch.windows(8).position(|bytes| bytes == hash).unwrap();
    resealed(batch, |batch| batch[at..at + 8].copy_from_slice(&claimed.0.to_le_bytes()))
}

fn entry(payload: &[u8]) -> Entry {
    let mut builder = GroupBuilder::new(ShardId(0));
    assert!(builder.push(SubjectId::from_bytes([1; 16]), Brand::Fiat, Timestamp(7), Lane::Bulk, payload));
    builder.take().unwrap().entries().next().unwrap()
}

struct Applied {
    outcome: Outcome,
    chunks: Vec<(TableName, Chunk)>,
}

/// Applies batches of a campaign that collects these signals.
fn apply_collected(state: &RefCell<State>, payloads: &[Vec<u8>], collected: &[SignalId]) -> Applied {
    let collected = collected.iter().copied().collect();
    let mut applied = Applied { outcome: Outcome::default(), chunks: Vec::new() };
    let mut applier = Applier::new(1);
    for payload in payloads {
        let opened = Applier::open(entry(payload), &mut state.borrow_mut(), &mut applied.outcome);
        let Some(batch) = opened else { continue };
        let lock = || state.borrow_mut();
        let chunks = applier.apply(batch, &Catalogue::core(), &collected, lock, &mut applied.outcome);
        applied.chunks.extend(chunks);
    }
    applied
}

fn apply(state: &RefCell<State>, payloads: &[Vec<u8>]) -> Applied {
    apply_collected(state, payloads, &[speed(), SignalId(u32::MAX)])
}

fn speed() -> SignalId {
    Catalogue::core().by_path(SPEED).unwrap().id
}

#[test]
fn a_batch_that_comes_again_changes_nothing() {
    let state = RefCell::default();
    let mut first = apply(&state, &[batch(0, Vec::new()), batch(1, Vec::new())]);
    assert_eq!(first.chunks.len(), 2);
    assert_eq!(first.outcome.changes().cars.len(), 1);
    let mut again = apply(&state, &[batch(1, Vec::new()), batch(0, Vec::new())]);
    assert_eq!(again.chunks.len(), 0);
    assert_eq!(again.outcome.changes().cars, []);
    let state = state.into_inner();
    assert_eq!((state.counts.batches, state.counts.samples, state.counts.duplicate_batches), (2, 4, 2));
    assert_eq!(state.campaigns[&(CampaignId(5), Some(Brand::Fiat))], 4);
}

#[test]
fn gaps_are_counted_unless_they_were_announced() {
    let state = RefCell::default();
    let announced = vec![SeqRange { first: Seq(2), last: Seq(6) }];
    // What was announced before is not dropped again.
    let again = vec![SeqRange { first: Seq(2), last: Seq(6) }, SeqRange { first: Seq(11), last: Seq(11) }];
    apply(&state, &[batch(0, Vec::new()), batch(10, announced), batch(13, again)]);
    let state = state.into_inner();
    let mark = state.marks.of(SubjectId::from_bytes([1; 16]))[Lane::Bulk.index()].unwrap();
    assert_eq!((mark.dropped, mark.missing), (6, 5));
    assert_eq!((state.counts.dropped_batches, state.counts.missing_batches), (6, 5));
}

#[test]
fn the_twin_has_the_last_reading() {
    let state = RefCell::default();
    apply(&state, &[batch(3, Vec::new())]);
    let state = state.into_inner();
    let core = Catalogue::core();
    let twin = &state.cars[&SubjectId::from_bytes([1; 16])].twin;
    let speed = twin.get(core.by_path(SPEED).unwrap().id).unwrap();
    assert_eq!(speed.value, Some(Value::Float(60.0)));
    assert_eq!((speed.source_time, speed.receive_time), (Timestamp(3_000_001), Timestamp(7)));
}

#[test]
fn what_cannot_be_read_is_kept_counted_and_reported_and_costs_no_other_batch() {
    let state = RefCell::default();
    let cut = resealed(&batch(1, Vec::new()), |content| content.truncate(content.len() - 1));
    let applied = apply(&state, &[b"not a batch".to_vec(), cut, batch(2, Vec::new())]);
    assert_eq!(applied.outcome.quarantined.len(), 2);
    assert_eq!(applied.chunks.len(), 1);
    let (_, notice) = &applied.outcome.notices[0];
    let refused = &notice.refused[0];
    assert_eq!((refused.lane, refused.epoch, refused.seq), (Lane::Bulk, QueueEpoch(1), Seq(1)));
    let counts = state.into_inner().counts;
    assert_eq!((counts.bad_batches, counts.batches), (2, 1));
}

#[test]
fn what_its_campaign_does_not_collect_is_left_out_and_kept_nowhere() {
    let state = RefCell::default();
    let mut applied = apply_collected(&state, &[batch(0, Vec::new())], &[SignalId(u32::MAX)]);
    assert_eq!((applied.chunks.len(), applied.outcome.quarantined.len()), (0, 0));
    assert_eq!(applied.outcome.changes().cars, []);
    let (_, notice) = &applied.outcome.notices[0];
    let bad = &notice.bad_columns[0];
    assert_eq!((bad.signal, bad.samples, &*bad.reason), (speed(), 2, "not-in-campaign"));
    let state = state.into_inner();
    assert_eq!((state.counts.samples, state.counts.bad_columns), (0, 1));
    assert_eq!(state.cars[&SubjectId::from_bytes([1; 16])].twin.readings(), []);
}

#[test]
fn a_bad_column_is_reported_and_the_good_ones_are_stored() {
    let state = RefCell::default();
    let core = Catalogue::core();
    let leaf = core.by_path(SPEED).unwrap();
    let unknown = Leaf { id: SignalId(u32::MAX), path: "Vehicle.Unknown".into(), ..Leaf::clone(leaf) };
    let mut builder = CatalogueBuilder::default();
    builder.add(Leaf::clone(leaf)).add(unknown);
    let theirs = builder.build().unwrap();
    let column = |signal| Column { signal, data: ColumnData::Fixed(vec![100]), exceptions: Vec::new() };
    let columns = vec![column(leaf.id), column(SignalId(u32::MAX))];
    let group = RowGroup { times: vec![Timestamp(1)], columns };
    let payload = wire::encode_batch(&meta(0, Vec::new()), &[group], &theirs).unwrap();
    let payload = claiming(&payload, theirs.hash(), core.hash());
    let Applied { outcome, chunks } = apply(&state, &[payload]);
    assert_eq!(chunks[0].1.samples(), 1);
    let (_, notice) = &outcome.notices[0];
    assert_eq!(notice.bad_columns[0].signal, SignalId(u32::MAX));
    assert_eq!(notice.bad_columns[0].reason, "unknown-signal");
    assert_eq!(outcome.quarantined.len(), 1);
    assert_eq!(state.into_inner().counts.bad_columns, 1);
}
