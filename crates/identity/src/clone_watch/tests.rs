use super::*;

const NOW: Timestamp = Timestamp(1_000_000_000);
const FIRST: ConnectionId = ConnectionId(1);
const SECOND: ConnectionId = ConnectionId(2);
const HERE: Place = Place(1);
const THERE: Place = Place(2);

fn later(secs: i64) -> Timestamp {
    NOW + Micros::from_secs(secs)
}

fn connected() -> CloneWatch {
    let mut watch = CloneWatch::default();
    assert_eq!(watch.handle_opened(FIRST, HERE, NOW), Opened::Alone);
    watch
}

fn batch(watch: &mut CloneWatch, epoch: u32, seq: u64, checksum: u32) -> Verdict {
    watch.handle_batch(Lane::Live, QueueEpoch(epoch), Seq(seq), checksum, NOW)
}

#[test]
fn a_second_place_while_the_first_answers_is_a_clone() {
    let mut watch = connected();
    let until = later(10);
    assert_eq!(watch.handle_opened(SECOND, THERE, NOW), Opened::Ping { first: FIRST, until });
    assert_eq!(watch.handle_answer(FIRST, later(1)), Verdict::Cloned(Reason::TwoPlaces));
    assert_eq!(watch.live(), Some(FIRST));
}

#[test]
fn a_second_connection_from_the_same_place_is_suspect() {
    let mut watch = connected();
    watch.handle_opened(SECOND, HERE, NOW);
    assert_eq!(watch.handle_answer(FIRST, later(1)), Verdict::Suspect(Reason::SecondConnection));
}

#[test]
fn a_car_that_lost_its_link_comes_back_from_anywhere() {
    let mut watch = connected();
    watch.handle_opened(SECOND, THERE, NOW);
    assert_eq!(watch.poll_timeout(), Some(later(10)));
    watch.handle_timeout(later(10));
    assert_eq!(watch.live(), Some(SECOND));
    assert_eq!(watch.handle_answer(FIRST, later(11)), Verdict::Fine);
}

#[test]
fn a_first_connection_that_ends_makes_room() {
    let mut watch = connected();
    watch.handle_opened(SECOND, THERE, NOW);
    watch.handle_closed(FIRST);
    assert_eq!((watch.live(), watch.poll_timeout()), (Some(SECOND), None));
    watch.handle_closed(SECOND);
    assert_eq!(watch.handle_opened(FIRST, HERE, later(1)), Opened::Alone);
}

#[test]
fn an_answer_without_a_second_connection_means_nothing() {
    let mut watch = connected();
    assert_eq!(watch.handle_answer(FIRST, NOW), Verdict::Fine);
    watch.handle_opened(SECOND, THERE, NOW);
    watch.handle_closed(SECOND);
    assert_eq!(watch.handle_answer(FIRST, NOW), Verdict::Fine);
}

#[test]
fn a_third_connection_does_not_put_off_the_end() {
    let mut watch = connected();
    watch.handle_opened(SECOND, THERE, NOW);
    let until = later(10);
    assert_eq!(watch.handle_opened(ConnectionId(3), THERE, later(9)), Opened::Ping { first: FIRST, until });
}

#[test]
fn a_queue_that_goes_on_is_fine() {
    let mut watch = connected();
    for (epoch, seq) in [(5, 0), (5, 1), (5, 9), (6, 0), (900, 0)] {
        assert_eq!(batch(&mut watch, epoch, seq, 1), Verdict::Fine);
    }
}

#[test]
fn what_is_sent_again_after_a_lost_link_is_fine() {
    let mut watch = connected();
    (0..20).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 7), Verdict::Fine));
    (10..20).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 7), Verdict::Fine));
    assert_eq!(batch(&mut watch, 5, 20, 7), Verdict::Fine);
}

#[test]
fn one_name_with_two_contents_is_a_clone() {
    let mut watch = connected();
    batch(&mut watch, 5, 3, 1);
    assert_eq!(batch(&mut watch, 5, 3, 2), Verdict::Cloned(Reason::Forked));
}

#[test]
fn a_restored_queue_is_suspect_once() {
    let mut watch = connected();
    batch(&mut watch, 5, 1_000, 1);
    assert_eq!(batch(&mut watch, 5, 400, 1), Verdict::Suspect(Reason::WentBack));
    (401..500).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 1), Verdict::Fine));
}

#[test]
fn two_queues_that_both_go_on_are_a_clone() {
    for (epoch, seq) in [(5, 400), (4, 2_000)] {
        let mut watch = connected();
        batch(&mut watch, 5, 1_000, 1);
        assert_eq!(batch(&mut watch, epoch, seq, 1), Verdict::Suspect(Reason::WentBack));
        assert_eq!(batch(&mut watch, 5, 1_001, 1), Verdict::Fine);
        assert_eq!(batch(&mut watch, epoch, seq + 1, 1), Verdict::Cloned(Reason::WentBack));
    }
}

#[test]
fn lanes_count_by_themselves() {
    let mut watch = connected();
    batch(&mut watch, 5, 1_000, 1);
    let verdict = watch.handle_batch(Lane::Bulk, QueueEpoch(5), Seq(3), 1, NOW);
    assert_eq!(verdict, Verdict::Fine);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut watch = connected();
    (0..10_000).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 1), Verdict::Fine));
    assert_eq!(watch.lanes[Lane::Live.index()].recent.len(), RECENT_MAX);
}
