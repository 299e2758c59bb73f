use super::*;

const CAR: SubjectId = SubjectId::from_bytes([1; 16]);

fn range(first: u64, last: u64) -> SeqRange {
    SeqRange { first: Seq(first), last: Seq(last) }
}

fn see(marks: &mut Watermarks, epoch: u32, seq: u64, dropped: &[SeqRange]) -> Verdict {
    marks.observe(CAR, Lane::Live, QueueEpoch(epoch), Seq(seq), dropped)
}

#[test]
fn a_batch_is_new_once() {
    let mut marks = Watermarks::default();
    assert_eq!(see(&mut marks, 1, 0, &[]), Verdict::New);
    assert_eq!(see(&mut marks, 1, 1, &[]), Verdict::New);
    assert_eq!(see(&mut marks, 1, 0, &[]), Verdict::Duplicate);
    assert_eq!(see(&mut marks, 1, 1, &[]), Verdict::Duplicate);
}

#[test]
fn lanes_and_cars_do_not_disturb_each_other() {
    let mut marks = Watermarks::default();
    assert_eq!(see(&mut marks, 1, 5, &[]), Verdict::New);
    assert_eq!(marks.observe(CAR, Lane::Bulk, QueueEpoch(1), Seq(0), &[]), Verdict::New);
    let other = SubjectId::from_bytes([2; 16]);
    assert_eq!(marks.observe(other, Lane::Live, QueueEpoch(1), Seq(0), &[]), Verdict::New);
}

#[test]
fn a_hole_is_a_gap_and_is_counted() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 0, &[]);
    assert_eq!(see(&mut marks, 1, 4, &[]), Verdict::NewAfterGap(range(1, 3)));
    assert_eq!(marks.of(CAR)[Lane::Live.index()].map(|mark| mark.missing), Some(3));
}

#[test]
fn an_announced_hole_is_no_gap() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 0, &[]);
    assert_eq!(see(&mut marks, 1, 4, &[range(0, 3)]), Verdict::New);
    let mark = marks.of(CAR)[Lane::Live.index()].unwrap();
    assert_eq!((mark.missing, mark.dropped), (0, 3));
}

#[test]
fn a_hole_announced_in_part_is_a_gap_of_the_rest() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 0, &[]);
    assert_eq!(see(&mut marks, 1, 10, &[range(2, 4), range(3, 6)]), Verdict::NewAfterGap(range(1, 9)));
    let mark = marks.of(CAR)[Lane::Live.index()].unwrap();
    assert_eq!((mark.missing, mark.dropped), (4, 5));
}

#[test]
fn a_new_epoch_begins_again_and_an_old_one_is_done() {
    let mut marks = Watermarks::default();
    see(&mut marks, 1, 7, &[]);
    assert_eq!(see(&mut marks, 2, 0, &[]), Verdict::New);
    assert_eq!(see(&mut marks, 1, 8, &[]), Verdict::Duplicate);
    assert_eq!(see(&mut marks, 3, 2, &[]), Verdict::NewAfterGap(range(0, 1)));
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
