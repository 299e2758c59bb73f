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

/// A batch that claims another catalogue than it was made with: the hash stands in it as it is.
fn claiming(batch: &[u8], made_with: CatalogueHash, claimed: CatalogueHash) -> Vec<u8> {
    let hash = made_with.0.to_le_bytes();
    let at = batch.windows(8).position(|bytes| bytes == hash).unwrap();
    let mut batch = batch[..batch.len() - 4].to_vec();
    batch[at..at + 8].copy_from_slice(&claimed.0.to_le_bytes());
    let crc = crc32c::crc32c(&batch);
    batch.extend_from_slice(&crc.to_le_bytes());
    batch
}

fn entry(payload: &[u8]) -> Entry {
    let mut builder = GroupBuilder::new(ShardId(0));
    assert!(builder.push(SubjectId::from_bytes([1; 16]), Brand::Fiat, Timestamp(7), Lane::Bulk, payload));
    builder.take().unwrap().entries().next().unwrap()
}

fn apply(state: &RefCell<State>, payloads: &[Vec<u8>]) -> Outcome {
    let core = Catalogue::core();
    let find = move |hash| (hash == core.hash()).then(|| Arc::clone(&core));
    Applier::new(find, 1).apply(payloads.iter().map(|payload| entry(payload)), || state.borrow_mut())
}

#[test]
fn a_batch_that_comes_again_changes_nothing() {
    let state = RefCell::default();
    let mut first = apply(&state, &[batch(0, Vec::new()), batch(1, Vec::new())]);
    assert_eq!(first.chunks.len(), 2);
    assert_eq!(first.changes().cars.len(), 1);
    let mut again = apply(&state, &[batch(1, Vec::new()), batch(0, Vec::new())]);
    assert_eq!(again.chunks.len(), 0);
    assert_eq!(again.changes().cars, []);
    let state = state.into_inner();
    assert_eq!((state.counts.batches, state.counts.samples, state.counts.duplicate_batches), (2, 4, 2));
    assert_eq!(state.campaigns[&CampaignId(5)], 4);
}

#[test]
fn gaps_are_counted_unless_they_were_announced() {
    let state = RefCell::default();
    let announced = vec![SeqRange { first: Seq(1), last: Seq(2) }];
    apply(&state, &[batch(0, Vec::new()), batch(3, announced), batch(6, Vec::new())]);
    let counts = state.into_inner().counts;
    assert_eq!((counts.dropped_batches, counts.missing_batches), (2, 2));
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
fn what_cannot_be_read_is_kept_and_counted_and_costs_no_other_batch() {
    let state = RefCell::default();
    let of_another = claiming(&batch(1, Vec::new()), Catalogue::core().hash(), CatalogueHash(99));
    let outcome = apply(&state, &[b"not a batch".to_vec(), of_another, batch(2, Vec::new())]);
    assert_eq!(outcome.quarantined.len(), 2);
    assert_eq!(outcome.chunks.len(), 1);
    let counts = state.into_inner().counts;
    assert_eq!((counts.bad_batches, counts.batches), (2, 1));
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
    let outcome = apply(&state, &[payload]);
    assert_eq!(outcome.chunks[0].1.samples(), 1);
    let (_, notice) = &outcome.notices[0];
    assert_eq!(notice.bad_columns[0].signal, SignalId(u32::MAX));
    assert_eq!(notice.bad_columns[0].reason, "unknown-signal");
    assert_eq!(outcome.quarantined.len(), 1);
    assert_eq!(state.into_inner().counts.bad_columns, 1);
}
