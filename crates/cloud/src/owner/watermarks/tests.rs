use super::*;

const CAR: SubjectId = SubjectId::from_bytes([1; 16]);

fn range(first: u64, last: u64) -> SeqRange {
    SeqRange { first: Seq(first), last: Seq(last) }
}

/// New, after so many that are missing and so many that were dropped.
fn new(missing: u64, dropped: u64) -> Verdict {
    Verdict::New(Passed { missing, dropped })
}

fn see(marks: &mut Watermarks, epoch: u32, seq: u64, dropped: &[SeqRange]) -> Verdict {
    marks.observe(CAR, Lane::Live, QueueEpoch(epoch), Seq(seq), dropped)
}

#[test]
fn a_batch_is_new_once() {
    let mut marks = Watermarks::default();
    assert_eq!(see(&mut marks, 1, 0, &[]), new(0, 0));
    assert_eq!(see(&mut marks, 1, 1, &[]), new(0, 0));
    assert_eq!(see(&mut marks, 1, 0, &[]), Verdict::Duplicate);
    assert_eq!(see(&mut marks, 1, 1, &[]), Verdict::Duplicate);
}

#[test]
fn lanes_and_cars_do_not_disturb_each_other() {
    let mut marks = Watermarks::default();
    assert_eq!(see(&mut marks, 1, 5, &[]), new(0, 0));
    assert_eq!(marks.observe(CAR, Lane::Bulk, QueueEpoch(1), Seq(0), &[]), new(0, 0));
    let other = SubjectId::from_bytes([2; 16]);
    assert_eq!(marks.observe(other, Lane::Live, QueueEpoch(1), Seq(0), &[]), new(0, 0));
}

#[test]
fn a_hole_is_a_gap_and_is_counted() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 0, &[]);
    assert_eq!(see(&mut marks, 1, 4, &[]), new(3, 0));
    assert_eq!(marks.of(CAR)[Lane::Live.index()].map(|mark| mark.missing), Some(3));
}

#[test]
fn an_announced_hole_is_no_gap() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 0, &[]);
    assert_eq!(see(&mut marks, 1, 4, &[range(0, 3)]), new(0, 3));
    let mark = marks.of(CAR)[Lane::Live.index()].unwrap();
    assert_eq!((mark.missing, mark.dropped), (0, 3));
}

#[test]
fn a_hole_announced_in_part_is_a_gap_of_the_rest() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 0, &[]);
    assert_eq!(see(&mut marks, 1, 10, &[range(2, 4), range(3, 6)]), new(4, 5));
    let mark = marks.of(CAR)[Lane::Live.index()].unwrap();
    assert_eq!((mark.missing, mark.dropped), (4, 5));
}

#[test]
fn the_highest_number_that_there_is_comes_once() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 0, &[]);
    assert_eq!(see(&mut marks, 1, u64::MAX, &[range(0, u64::MAX)]), new(0, u64::MAX - 1));
    assert_eq!(see(&mut marks, 1, 5, &[]), Verdict::Duplicate);
    assert_eq!(see(&mut marks, 2, u64::MAX, &[]), new(u64::MAX, 0));
}

#[test]
fn a_new_epoch_begins_again_and_an_old_one_is_done() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 7, &[]);
    assert_eq!(see(&mut marks, 2, 0, &[]), new(0, 0));
    assert_eq!(see(&mut marks, 1, 8, &[]), Verdict::Duplicate);
    assert_eq!(see(&mut marks, 3, 2, &[]), new(2, 0));
}

#[test]
fn marks_survive_a_snapshot() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 0, &[]);
    see(&mut marks, 1, 4, &[range(1, 2)]);
    let mut again = Watermarks::default();
    for (subject, lanes) in marks.sorted() {
        again.restore(subject, lanes);
    }
    assert_eq!(again, marks);
}
