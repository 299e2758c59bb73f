use model::CampaignId;

use super::*;

fn latest(signal: u32, quality: Quality, value: Option<Value>) -> Latest {
    let (source_time, receive_time) = (Timestamp(1_000), Timestamp(2_000));
    Latest { signal: SignalId(signal), quality, value, source_time, receive_time }
}

fn state() -> State {
    let mut state = State {
        counts: Counts {
            batches: 1,
            samples: 2,
            duplicate_batches: 3,
            missing_batches: 4,
            dropped_batches: 5,
            bad_columns: 6,
            bad_batches: 7,
        },
        ..State::default()
    };
    let subject = SubjectId::from_bytes([9; 16]);
    let mark = Mark { epoch: QueueEpoch(3), next: Seq(11), missing: 1, dropped: 2 };
    state.marks.restore(subject, [None, Some(mark), None]);
    state.campaigns.insert((CampaignId(8), Some(Brand::Lancia)), 80);
    let mut twin = Twin::default();
    twin.set_seen(Some(Timestamp(2_000)));
    let list = Value::Array([Value::from("P0420"), Value::from("")].into());
    let values = [
        (Quality::Good, Some(Value::Bool(true))),
        (Quality::Stale, Some(Value::Int(-5))),
        (Quality::OutOfRange, Some(Value::Uint(u64::MAX))),
        (Quality::Good, Some(Value::Float(-0.25))),
        (Quality::Good, Some(Value::from("driving"))),
        (Quality::Good, Some(list)),
        (Quality::NotAvailable, None),
    ];
    for (signal, (quality, value)) in (0..).zip(values) {
        twin.put(latest(signal, quality, value));
    }
    state.cars.insert(subject, Car { brand: Brand::Lancia, twin: Arc::new(twin) });
    state
}

#[test]
fn a_snapshot_gives_everything_back() {
    let bytes = encode(&state(), Offset(77));
    assert_eq!(decode(&bytes), Some((state(), Offset(77))));
}

#[test]
fn a_damaged_snapshot_is_none() {
    let bytes = encode(&state(), Offset(77));
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(decode(&damaged), None, "byte {at}");
        assert_eq!(decode(&bytes[..at]), None, "cut at {at}");
    }
}

/// Golden: a later version must read what this one wrote.
#[test]
fn a_known_snapshot_never_changes() {
    let bytes = encode(&state(), Offset(77));
    assert_eq!((bytes.len(), crc32c::crc32c(&bytes[..bytes.len() - 4])), GOLDEN);
}
const GOLDEN: (usize, u32) = (390, 984_551_384);

/// As the version before wrote it: a campaign's samples had no brand.
#[test]
fn a_snapshot_without_brands_is_read() {
    let mut first = state();
    first.campaigns = [((CampaignId(8), None), 80)].into();
    let mut bytes = encode(&first, Offset(77));
    bytes[..8].copy_from_slice(MAGIC_1);
    // After the offset, seven counts, how many campaigns, and the first one's number.
    assert_eq!(bytes.remove(8 + 8 + 7 * 8 + 4 + 8), NO_BRAND);
    let end = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[..end]);
    assert_eq!((bytes.len(), crc), GOLDEN_1);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(decode(&bytes), Some((first, Offset(77))));
}
const GOLDEN_1: (usize, u32) = (389, 1_961_591_806);

#[test]
fn names_sort_as_offsets_do() {
    let shard = ShardId(2);
    assert!(name(shard, Offset(9)) < name(shard, Offset(10)));
    assert_eq!(parse_name(shard, &name(shard, Offset(10))), Some(Offset(10)));
    assert_eq!(parse_name(ShardId(3), &name(shard, Offset(10))), None);
}

#[test]
fn a_twin_of_twenty_signals_takes_less_than_four_kilobytes() {
    let mut state = State::default();
    let mut twin = Twin::default();
    for signal in 0..20 {
        twin.put(latest(signal, Quality::Good, Some(Value::Float(1.0))));
    }
    let in_memory = size_of::<Car>() + size_of::<Twin>() + size_of_val(twin.readings());
    state.cars.insert(SubjectId::from_bytes([1; 16]), Car { brand: Brand::Fiat, twin: Arc::new(twin) });
    assert!(in_memory < 2_048, "{in_memory}");
    assert!(encode(&state, Offset(0)).len() < 1_024);
}
