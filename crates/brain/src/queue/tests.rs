use std::collections::VecDeque;

use model::{Lane, Seq, Timestamp};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);
const SMALL: Options =
    Options { bytes_max: 4_096, segment_bytes: 512, sync_each: true, epoch_min: QueueEpoch(0) };

fn open(dir: &TempDir) -> Queue {
    Queue::open(dir.path(), SMALL, NOW)
}

fn payload(lane: Lane, n: u64) -> Vec<u8> {
    format!("{lane} {n} {}", "x".repeat(80)).into_bytes()
}

fn fill(queue: &mut Queue, lane: Lane, count: u64) {
    for n in 0..count {
        queue.append(lane, &payload(lane, n)).unwrap();
    }
}

fn drain(queue: &mut Queue) -> Vec<Outgoing> {
    std::iter::from_fn(|| queue.next_outgoing()).collect()
}

fn seqs(batches: &[Outgoing], lane: Lane) -> Vec<u64> {
    batches.iter().filter(|batch| batch.key.lane == lane).map(|batch| batch.key.seq.0).collect()
}

#[test]
fn lanes_leave_by_priority_and_in_order_within() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Bulk, 2);
    fill(&mut queue, Lane::Live, 2);
    fill(&mut queue, Lane::Alert, 1);
    let lanes: Vec<_> = drain(&mut queue).iter().map(|batch| (batch.key.lane, batch.key.seq.0)).collect();
    assert_eq!(lanes, [(Lane::Alert, 0), (Lane::Live, 0), (Lane::Live, 1), (Lane::Bulk, 0), (Lane::Bulk, 1)]);
}

#[test]
fn a_batch_keeps_its_key_across_a_crash_and_a_lost_link() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Live, 3);
    let before = drain(&mut queue);
    queue.rewind();
    assert_eq!(drain(&mut queue)[0].key, before[0].key);
    drop(queue);

    let mut again = open(&dir);
    let after = drain(&mut again);
    assert_eq!(after.len(), 3);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.key, &before.payload), (after.key, &after.payload));
    }
    assert_eq!(again.next_key(Lane::Live), Key { seq: Seq(3), ..before[0].key });
}

#[test]
fn a_crash_forgets_few_answers() {
    let dir = TempDir::new().unwrap();
    let options = Options { bytes_max: 1 << 20, segment_bytes: 1 << 19, ..SMALL };
    let mut queue = Queue::open(dir.path(), options, NOW);
    fill(&mut queue, Lane::Live, 1_000);
    for batch in drain(&mut queue).iter().take(900) {
        queue.settle(batch.key);
    }
    assert_eq!(queue.counters().batches, 100);
    drop(queue);
    let mut again = Queue::open(dir.path(), options, NOW);
    let left = seqs(&drain(&mut again), Lane::Live);
    let noted = 900 - 900 % u64::from(NOTE_EVERY);
    assert_eq!(left, (noted..1_000).collect::<Vec<_>>());
    // The note alone is no state: without it, what it says is sent again.
    drop(again);
    std::fs::remove_file(dir.path().join("settled")).unwrap();
    let mut again = Queue::open(dir.path(), options, NOW);
    assert_eq!(again.next_key(Lane::Live).seq, Seq(1_000));
    assert_eq!(seqs(&drain(&mut again), Lane::Live), left, "the start wrote what it knew");
}

#[test]
fn settled_batches_never_come_again() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Live, 10);
    let sent = drain(&mut queue);
    for batch in &sent[..7] {
        queue.settle(batch.key);
    }
    queue.rewind();
    assert_eq!(seqs(&drain(&mut queue), Lane::Live), [7, 8, 9]);
    queue.close().unwrap();
    let mut again = open(&dir);
    assert_eq!(seqs(&drain(&mut again), Lane::Live), [7, 8, 9]);
    assert_eq!(again.counters().batches, 3);
}

#[test]
fn numbers_go_on_when_all_was_settled_before_a_clean_restart() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Live, 20);
    for batch in drain(&mut queue) {
        queue.settle(batch.key);
    }
    let next = queue.next_key(Lane::Live);
    queue.close().unwrap();
    assert_eq!(open(&dir).next_key(Lane::Live), next);
}

#[test]
fn the_oldest_low_priority_data_goes_first_and_the_hole_is_announced() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Live, 5);
    fill(&mut queue, Lane::Bulk, 100);
    assert!(queue.counters().bytes <= SMALL.bytes_max);
    let dropped = queue.counters().dropped_batches;
    assert!(dropped > 0);
    let left = drain(&mut queue);
    assert_eq!(seqs(&left, Lane::Live), [0, 1, 2, 3, 4]);
    let first = left.iter().find(|batch| batch.key.lane == Lane::Bulk).unwrap();
    assert_eq!(first.key.seq.0, dropped);
    assert_eq!(first.dropped, Some(SeqRange { first: Seq(0), last: Seq(dropped - 1) }));
    assert!(left.iter().filter(|batch| batch.key != first.key).all(|batch| batch.dropped.is_none()));
}

#[test]
fn a_lost_folder_starts_a_higher_epoch() {
    let dir = TempDir::new().unwrap();
    let before = open(&dir).next_key(Lane::Live).epoch;
    std::fs::remove_dir_all(dir.path()).unwrap();
    let later = Timestamp(NOW.0 + 1_000_000);
    let after = Queue::open(dir.path(), SMALL, later).next_key(Lane::Live).epoch;
    assert!(after > before);
}

#[test]
fn an_epoch_begins_where_the_platform_wants_it() {
    let dir = TempDir::new().unwrap();
    let first = epoch(&open(&dir));
    let above = Options { epoch_min: QueueEpoch(first.0 + 7), ..SMALL };
    assert_eq!(epoch(&Queue::open(dir.path(), above, NOW)), above.epoch_min);

    let unset = TempDir::new().unwrap();
    let mut waiting = Queue::open(unset.path(), above, Timestamp(0));
    waiting.begin(NOW);
    assert_eq!(epoch(&waiting), above.epoch_min);

    let below = Options { epoch_min: QueueEpoch(first.0 - 7), ..SMALL };
    assert_eq!(epoch(&Queue::open(TempDir::new().unwrap().path(), below, NOW)), first);
}

#[test]
fn a_queue_that_was_not_synced_starts_a_new_epoch_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let lazy = Options { sync_each: false, ..SMALL };
    let mut queue = Queue::open(dir.path(), lazy, NOW);
    fill(&mut queue, Lane::Live, 3);
    let old = queue.next_key(Lane::Live).epoch;
    drop(queue);
    let mut again = Queue::open(dir.path(), lazy, NOW);
    fill(&mut again, Lane::Live, 1);
    let keys: Vec<_> = drain(&mut again).iter().map(|batch| (batch.key.epoch, batch.key.seq.0)).collect();
    let new = QueueEpoch(old.0 + 1);
    assert_eq!(keys, [(old, 0), (old, 1), (old, 2), (new, 0)]);
}

#[test]
fn a_batch_over_the_limit_is_refused() {
    let dir = TempDir::new().unwrap();
    let error = open(&dir).append(Lane::Live, &vec![0; model::limits::BATCH_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(error, QueueError::TooLarge { .. }));
}

/// A crash can cut a segment anywhere: every batch before the cut comes back as it was.
#[test]
fn a_segment_cut_at_any_byte_gives_all_whole_batches_before_it() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Live, 3);
    let whole = drain(&mut queue);
    let state = std::fs::read(dir.path().join("state")).unwrap();
    drop(queue);
    let file = segment::path(dir.path(), Lane::Live, 0);
    let content = std::fs::read(&file).unwrap();
    let record = content.len() / 3;
    for cut in 0..=content.len() {
        std::fs::write(&file, &content[..cut]).unwrap();
        std::fs::write(dir.path().join("state"), &state).unwrap();
        let mut queue = open(&dir);
        let left = drain(&mut queue);
        assert_eq!(left.len(), cut / record, "cut at {cut}");
        for (before, after) in whole.iter().zip(&left) {
            assert_eq!((before.key, &before.payload), (after.key, &after.payload));
        }
        let next = queue.next_key(Lane::Live);
        assert!(left.iter().all(|batch| batch.key != next), "cut at {cut} reuses a key");
    }
}

#[test]
fn a_flipped_bit_is_never_sent() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Live, 3);
    drop(queue);
    let file = segment::path(dir.path(), Lane::Live, 0);
    let mut content = std::fs::read(&file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&file, content).unwrap();
    let mut queue = open(&dir);
    assert_eq!(queue.counters().damaged_records, 1);
    assert_eq!(seqs(&drain(&mut queue), Lane::Live), [0]);
}

fn epoch(queue: &Queue) -> QueueEpoch {
    queue.next_key(Lane::Live).epoch
}

#[test]
fn whatever_is_damaged_the_next_number_is_of_a_new_epoch() {
    for clean in [false, true] {
        let dir = TempDir::new().unwrap();
        let mut queue = open(&dir);
        fill(&mut queue, Lane::Live, 3);
        let before = epoch(&queue);
        if clean {
            queue.close().unwrap();
        } else {
            drop(queue);
        }
        let file = segment::path(dir.path(), Lane::Live, 0);
        let mut content = std::fs::read(&file).unwrap();
        *content.last_mut().unwrap() ^= 1;
        std::fs::write(&file, content).unwrap();
        assert!(epoch(&open(&dir)) > before, "closed: {clean}");
    }
}

#[test]
fn a_lost_state_begins_an_epoch_above_all_that_is_left_whatever_the_clock_says() {
    for left in ["segments", "note"] {
        let dir = TempDir::new().unwrap();
        let mut queue = open(&dir);
        fill(&mut queue, Lane::Live, 40);
        let before = epoch(&queue);
        if left == "note" {
            for batch in drain(&mut queue) {
                queue.settle(batch.key);
            }
            queue.state(false).note_settled(dir.path()).unwrap();
            for number in segment::list(dir.path(), Lane::Live).unwrap() {
                segment::remove(dir.path(), Lane::Live, number).unwrap();
            }
        }
        drop(queue);
        std::fs::remove_file(dir.path().join("state")).unwrap();
        let again = Queue::open(dir.path(), SMALL, Timestamp(12_000_000));
        assert!(epoch(&again) > before, "{left}");
    }
}

#[test]
fn a_new_queue_waits_until_the_clock_was_set() {
    let dir = TempDir::new().unwrap();
    let mut queue = Queue::open(dir.path(), SMALL, Timestamp(12_000_000));
    let error = queue.append(Lane::Live, b"x").unwrap_err();
    assert!(matches!(error, QueueError::ClockNotSet), "{error}");
    queue.begin(NOW);
    assert_eq!(queue.append(Lane::Live, b"x").unwrap().epoch, epoch_at(NOW).unwrap());
}

#[test]
fn a_folder_that_cannot_be_made_costs_the_batches_until_it_can() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("queue");
    std::fs::write(&folder, "in the way").unwrap();
    let mut queue = Queue::open(&folder, SMALL, NOW);
    assert!(queue.append(Lane::Live, b"lost").is_err());
    assert_eq!(queue.counters().dropped_batches, 1);
    std::fs::remove_file(&folder).unwrap();
    queue.append(Lane::Live, b"kept").unwrap();
    let kept = queue.next_outgoing().unwrap();
    assert_eq!(kept.payload, "kept");
    assert_eq!(kept.dropped, Some(SeqRange { first: Seq(0), last: Seq(0) }));
}

#[test]
fn a_batch_that_cannot_be_written_leaves_a_hole_that_is_announced() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    queue.append(Lane::Live, b"first").unwrap();
    queue.lanes[Lane::Live.index()].drop_oldest(dir.path()).unwrap();
    std::fs::create_dir(segment::path(dir.path(), Lane::Live, 1)).unwrap();
    assert!(queue.append(Lane::Live, b"second").is_err());
    let third = queue.append(Lane::Live, b"third").unwrap();
    assert_eq!(third.seq, Seq(2));
    assert_eq!(drain(&mut queue)[0].dropped, Some(SeqRange { first: Seq(0), last: Seq(1) }));
}

#[test]
fn a_full_disk_takes_from_the_lowest_lane_and_never_from_a_higher_one() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Alert, 6);
    fill(&mut queue, Lane::Live, 1);
    fill(&mut queue, Lane::Bulk, 6);
    let mut freed = Vec::new();
    while queue.drop_for(Lane::Live) {
        freed.push(Lane::ALL.map(|lane| queue.lane_counters(lane).batches));
    }
    let last = *freed.last().unwrap();
    assert_eq!(last, [6, 1, 0], "{freed:?}");
    fill(&mut queue, Lane::Bulk, 1);
    assert_eq!(seqs(&drain(&mut queue), Lane::Bulk), [6]);
}

#[test]
fn a_segment_that_cannot_be_read_costs_only_its_own_batches() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Live, 12);
    let first = segment::path(dir.path(), Lane::Live, 0);
    std::fs::remove_file(&first).unwrap();
    std::fs::create_dir(&first).unwrap();
    let running = drain(&mut queue);
    let lost = running[0].key.seq.0;
    assert!((1..12).contains(&lost) && queue.counters().damaged_records == lost);
    assert_eq!(running[0].dropped, Some(SeqRange { first: Seq(0), last: Seq(lost - 1) }));
    drop(queue);
    let mut again = open(&dir);
    assert_eq!(seqs(&drain(&mut again), Lane::Live), (lost..12).collect::<Vec<_>>());
    assert!(again.append(Lane::Live, b"goes on").is_ok());
}

#[test]
fn what_was_withdrawn_is_announced_until_the_platform_has_answered() {
    let dir = TempDir::new().unwrap();
    let mut queue = open(&dir);
    fill(&mut queue, Lane::Live, 12);
    let withdraw = |queue: &mut Queue, count: usize| {
        for _ in 0..count {
            let batch = queue.next_outgoing().unwrap();
            queue.withdraw(batch.key);
        }
        queue.next_outgoing().unwrap()
    };
    let hole = Some(SeqRange { first: Seq(0), last: Seq(9) });
    assert_eq!(withdraw(&mut queue, 10).dropped, hole);
    queue.rewind();
    assert_eq!(queue.next_outgoing().unwrap().dropped, hole, "after a lost link");
    drop(queue);
    let mut again = open(&dir);
    let on_disk = usize::try_from(again.counters().batches - 2).unwrap();
    let outgoing = withdraw(&mut again, on_disk);
    assert_eq!((outgoing.key.seq, outgoing.dropped), (Seq(10), hole), "after a crash");
    again.settle(outgoing.key);
    assert_eq!(again.next_outgoing().unwrap().dropped, None);
}

#[derive(Debug, Clone)]
enum Act {
    Append(Lane),
    Send,
    Settle,
    LoseLink,
    Crash,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => prop::sample::select(Lane::ALL.to_vec()).prop_map(Act::Append),
        3 => Just(Act::Send),
        3 => Just(Act::Settle),
        1 => Just(Act::LoseLink),
        1 => Just(Act::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, what was appended and not settled comes out once, in order, under its key.
    #[test]
    fn nothing_is_lost_or_renamed(acts in prop::collection::vec(act(), 1..80)) {
        let dir = TempDir::new().unwrap();
        let roomy = Options { bytes_max: 1 << 20, ..SMALL };
        let mut queue = Queue::open(dir.path(), roomy, NOW);
        let mut waiting: [VecDeque<(Key, Vec<u8>)>; 3] = Default::default();
        let mut in_flight: VecDeque<Key> = VecDeque::new();
        for (n, act) in acts.into_iter().enumerate() {
            match act {
                Act::Append(lane) => {
                    let payload = payload(lane, n as u64);
                    let key = queue.append(lane, &payload).unwrap();
                    waiting[lane.index()].push_back((key, payload));
                }
                Act::Send => in_flight.extend(queue.next_outgoing().map(|batch| batch.key)),
                Act::Settle => if let Some(key) = in_flight.pop_front() {
                    queue.settle(key);
                    waiting[key.lane.index()].retain(|(waiting, _)| *waiting != key);
                },
                Act::LoseLink => {
                    queue.rewind();
                    in_flight.clear();
                }
                Act::Crash => {
                    drop(queue);
                    queue = Queue::open(dir.path(), roomy, NOW);
                    in_flight.clear();
                }
            }
        }
        queue.rewind();
        let out = drain(&mut queue);
        for lane in Lane::ALL {
            let expected: Vec<_> = waiting[lane.index()].iter().cloned().collect();
            let got: Vec<_> = out.iter().filter(|batch| batch.key.lane == lane)
                .map(|batch| (batch.key, batch.payload.to_vec()))
                // A settled batch may come again after a crash: the platform knows its key.
                .filter(|(key, _)| expected.iter().any(|(waiting, _)| waiting == key))
                .collect();
            prop_assert_eq!(got, expected);
        }
    }
}
