use super::*;

const NOW: Timestamp = Timestamp(1_000_000_000);
const FIRST: Connection = Connection(1);
const SECOND: Connection = Connection(2);
const THIRD: Connection = Connection(3);
const YEAR: Micros = Micros(365 * Micros::DAY.0);
const HERE: Place = Place(1);
const THERE: Place = Place(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Connection(u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u8);

fn later(secs: i64) -> Timestamp {
    NOW + Micros::from_secs(secs)
}

fn connected() -> ConnectionWatch<Connection, Place> {
    let mut watch = ConnectionWatch::new(ANSWER_WAIT);
    assert_eq!(watch.handle_opened(FIRST, HERE, NOW), Opened::Alone);
    watch
}

fn waits(ping: Option<Connection>, until: Timestamp) -> Opened<Connection, Place> {
    Opened::Waits { ping, until, instead_of: None }
}

fn waits_instead_of(
    connection: Connection,
    places: (Place, Place),
    until: Timestamp,
) -> Opened<Connection, Place> {
    Opened::Waits { ping: None, until, instead_of: Some(InsteadOf { connection, places }) }
}

/// What a car sampled from `base` on.
fn content(base: i64) -> Content {
    let (campaign, version) = (CampaignId(7), CampaignVersion(1));
    Content { campaign, version, consent_epoch: ConsentEpoch(3), base_time: Timestamp(base), samples: 100 }
}

fn batch(watch: &mut QueueWatch, epoch: u32, seq: u64, base: i64) -> Verdict {
    send(watch, epoch, seq, content(base))
}

fn send(watch: &mut QueueWatch, epoch: u32, seq: u64, content: Content) -> Verdict {
    watch.handle_batch(Lane::Live, QueueEpoch(epoch), Seq(seq), content, NOW)
}

#[test]
fn a_second_place_while_the_first_answers_is_a_clone() {
    let mut watch = connected();
    let until = later(10);
    assert_eq!(watch.handle_opened(SECOND, THERE, NOW), waits(Some(FIRST), until));
    let verdict = Verdict::Cloned(Reason::TwoPlaces);
    let answered = Answered { verdict, newcomer: Some(SECOND), places: (HERE, THERE) };
    assert_eq!(watch.handle_answer(FIRST, later(1)), Some(answered));
    assert_eq!(watch.live(), Some(FIRST));
    assert_eq!(watch.handle_timeout(SECOND, until), Waited::NotWaiting);
}

#[test]
fn a_second_connection_from_the_same_place_is_suspect() {
    let mut watch = connected();
    watch.handle_opened(SECOND, HERE, NOW);
    let verdict = Verdict::Suspect(Reason::SecondConnection);
    let answered = Answered { verdict, newcomer: Some(SECOND), places: (HERE, HERE) };
    assert_eq!(watch.handle_answer(FIRST, later(1)), Some(answered));
}

#[test]
fn a_car_that_lost_its_link_comes_back_from_anywhere() {
    let mut watch = connected();
    watch.handle_opened(SECOND, THERE, NOW);
    assert_eq!(watch.handle_timeout(SECOND, later(9)), Waited::Until(later(10)));
    check_gives_way(&mut watch, SECOND);
}

/// What is to reach the car reaches the first as long as it is there.
#[track_caller]
fn check_gives_way(watch: &mut ConnectionWatch<Connection, Place>, to: Connection) {
    assert_eq!(watch.handle_timeout(to, later(11)), Waited::Over { first: FIRST });
    assert_eq!(watch.live(), Some(FIRST));
    assert_eq!(watch.handle_closed(FIRST), Some(to));
    assert_eq!(watch.live(), Some(to));
}

#[test]
fn an_answer_that_comes_too_late_is_none_and_the_first_still_gives_way() {
    for late in [later(10), later(10) + Micros(1)] {
        let mut watch = connected();
        watch.handle_opened(SECOND, THERE, NOW);
        assert_eq!(watch.handle_answer(FIRST, late), None);
        check_gives_way(&mut watch, SECOND);
    }
}

#[test]
fn a_third_connection_when_the_time_is_over_hides_the_first_from_nobody() {
    let mut watch = connected();
    watch.handle_opened(SECOND, THERE, NOW);
    assert!(matches!(watch.handle_opened(THIRD, HERE, later(10)), Opened::Taken { .. }));
    check_gives_way(&mut watch, SECOND);
}

#[test]
fn a_first_connection_that_ends_makes_room() {
    let mut watch = connected();
    watch.handle_opened(SECOND, THERE, NOW);
    assert_eq!(watch.handle_closed(FIRST), Some(SECOND));
    assert_eq!(watch.handle_closed(SECOND), None);
    assert_eq!(watch.handle_opened(FIRST, HERE, later(1)), Opened::Alone);
}

#[test]
fn an_answer_that_nobody_waits_for_means_nothing() {
    let mut watch = connected();
    assert_eq!(watch.handle_answer(FIRST, NOW), None);
    watch.handle_opened(SECOND, THERE, NOW);
    watch.handle_closed(SECOND);
    // Its time is over.
    assert_eq!(watch.handle_answer(FIRST, later(10)), None);
}

/// A copy that hangs up before the first can answer, to see whether the car is there.
#[test]
fn a_newcomer_that_hangs_up_is_known_by_the_answer() {
    let two_places = Verdict::Cloned(Reason::TwoPlaces);
    for (place, verdict) in [(THERE, two_places), (HERE, Verdict::Suspect(Reason::SecondConnection))] {
        let mut watch = connected();
        watch.handle_opened(SECOND, place, NOW);
        assert_eq!(watch.handle_closed(SECOND), None);
        let answered = Answered { verdict, newcomer: None, places: (HERE, place) };
        assert_eq!(watch.handle_answer(FIRST, later(1)), Some(answered));
        assert_eq!(watch.handle_answer(FIRST, later(1)), None);
    }
}

/// The first was asked already, and has no more time for its answer.
#[test]
fn who_comes_after_one_that_hung_up_waits_in_its_place() {
    let mut watch = connected();
    watch.handle_opened(SECOND, THERE, NOW);
    watch.handle_closed(SECOND);
    let until = later(10);
    assert_eq!(watch.handle_opened(THIRD, HERE, later(9)), waits(None, until));
    check_gives_way(&mut watch, THIRD);
}

#[test]
fn who_hung_up_counts_with_who_comes_after_it() {
    let cloned = (Verdict::Cloned(Reason::TwoPlaces), THERE);
    // The answer may be older than the third.
    let suspect = (Verdict::Suspect(Reason::TwoPlaces), THERE);
    for (second, third, (verdict, other)) in [(THERE, HERE, cloned), (HERE, THERE, suspect)] {
        let mut watch = connected();
        watch.handle_opened(SECOND, second, NOW);
        watch.handle_closed(SECOND);
        watch.handle_opened(THIRD, third, NOW);
        let answered = Answered { verdict, newcomer: Some(THIRD), places: (HERE, other) };
        assert_eq!(watch.handle_answer(FIRST, later(1)), Some(answered));
    }
}

#[test]
fn a_newcomer_when_the_time_of_one_that_hung_up_is_over_begins_anew() {
    let mut watch = connected();
    watch.handle_opened(SECOND, THERE, NOW);
    watch.handle_closed(SECOND);
    let (ping, until) = (Some(FIRST), later(20));
    assert_eq!(watch.handle_opened(THIRD, HERE, later(10)), waits(ping, until));
}

/// Whoever waits does so to the end, or somebody who opens a connection each second would keep it out.
#[test]
fn a_third_connection_is_sent_away_and_the_second_keeps_its_place() {
    let mut watch = connected();
    watch.handle_opened(SECOND, HERE, NOW);
    for _ in 0..3 {
        assert_eq!(watch.handle_opened(THIRD, HERE, later(9)), Opened::Taken { elsewhere: None });
    }
    check_gives_way(&mut watch, SECOND);
}

#[test]
fn a_third_connection_from_elsewhere_than_another_is_known() {
    for (second, third, other) in [(HERE, THERE, HERE), (THERE, HERE, THERE), (THERE, THERE, HERE)] {
        let mut watch = connected();
        watch.handle_opened(SECOND, second, NOW);
        let elsewhere = Some((other, third));
        assert_eq!(watch.handle_opened(THIRD, third, later(1)), Opened::Taken { elsewhere });
    }
}

#[test]
fn a_queue_that_goes_on_is_fine() {
    let mut watch = QueueWatch::default();
    for (epoch, seq) in [(5, 0), (5, 1), (5, 9), (6, 0), (900, 0)] {
        assert_eq!(batch(&mut watch, epoch, seq, 1), Verdict::Fine);
    }
}

#[test]
fn what_is_sent_again_after_a_lost_link_is_fine() {
    let mut watch = QueueWatch::default();
    (0..20).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 7), Verdict::Fine));
    (10..20).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 7), Verdict::Fine));
    assert_eq!(batch(&mut watch, 5, 20, 7), Verdict::Fine);
}

/// The driver withdraws a grant, or the queue drops something, between two tries of sending.
#[test]
fn a_batch_that_is_sent_again_with_less_in_it_is_fine() {
    let mut watch = QueueWatch::default();
    (10..20).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 7), Verdict::Fine));
    let cut = Content { samples: 40, base_time: Timestamp(9), consent_epoch: ConsentEpoch(4), ..content(7) };
    (13..20).for_each(|seq| assert_eq!(send(&mut watch, 5, seq, cut), Verdict::Fine));
    // And with all of it once more, since the grant was given again.
    (13..20).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 7), Verdict::Fine));
    assert_eq!(batch(&mut watch, 5, 20, 7), Verdict::Fine);
}

#[test]
fn a_batch_that_was_cut_when_it_came_first_may_come_whole() {
    let mut watch = QueueWatch::default();
    let cut = Content { samples: 40, consent_epoch: ConsentEpoch(4), ..content(7) };
    assert_eq!(send(&mut watch, 5, 3, cut), Verdict::Fine);
    assert_eq!(batch(&mut watch, 5, 3, 7), Verdict::Fine);
    assert_eq!(send(&mut watch, 5, 3, cut), Verdict::Fine);
}

#[test]
fn one_name_with_two_contents_is_suspect() {
    let others = [
        content(8),
        Content { campaign: CampaignId(8), samples: 40, ..content(7) },
        Content { version: CampaignVersion(2), samples: 40, ..content(7) },
        Content { consent_epoch: ConsentEpoch(2), samples: 40, ..content(7) },
        Content { base_time: Timestamp(6), samples: 40, ..content(7) },
    ];
    for other in others {
        let mut watch = QueueWatch::default();
        batch(&mut watch, 5, 3, 7);
        assert_eq!(send(&mut watch, 5, 3, other), Verdict::Suspect(Reason::Forked), "{other:?}");
    }
}

#[test]
fn a_disk_that_was_restored_forks_once() {
    let mut watch = QueueWatch::default();
    (0..20).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 7), Verdict::Fine));
    assert_eq!(batch(&mut watch, 5, 10, 8), Verdict::Suspect(Reason::Forked));
    (11..40).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 8), Verdict::Fine));
}

#[test]
fn two_queues_that_fork_and_both_go_on_are_a_clone() {
    let mut watch = QueueWatch::default();
    (0..20).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 7), Verdict::Fine));
    assert_eq!(batch(&mut watch, 5, 10, 8), Verdict::Suspect(Reason::Forked));
    assert_eq!(batch(&mut watch, 5, 20, 7), Verdict::Fine);
    assert_eq!(batch(&mut watch, 5, 11, 8), Verdict::Cloned(Reason::WentBack));

    let mut watch = QueueWatch::default();
    (0..3).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 7), Verdict::Fine));
    assert_eq!(batch(&mut watch, 5, 2, 8), Verdict::Suspect(Reason::Forked));
    assert_eq!(batch(&mut watch, 5, 3, 7), Verdict::Fine);
    assert_eq!(batch(&mut watch, 5, 3, 8), Verdict::Cloned(Reason::Forked));
}

#[test]
fn a_restored_queue_is_suspect_once() {
    let mut watch = QueueWatch::default();
    batch(&mut watch, 5, 1_000, 1);
    assert_eq!(batch(&mut watch, 5, 400, 1), Verdict::Suspect(Reason::WentBack));
    (401..500).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 1), Verdict::Fine));
}

#[test]
fn two_queues_that_both_go_on_are_a_clone() {
    for (epoch, seq) in [(5, 400), (4, 2_000)] {
        let mut watch = QueueWatch::default();
        batch(&mut watch, 5, 1_000, 1);
        assert_eq!(batch(&mut watch, epoch, seq, 1), Verdict::Suspect(Reason::WentBack));
        assert_eq!(batch(&mut watch, 5, 1_001, 1), Verdict::Fine);
        assert_eq!(batch(&mut watch, epoch, seq + 1, 1), Verdict::Cloned(Reason::WentBack));
    }
}

#[test]
fn lanes_count_by_themselves() {
    let mut watch = QueueWatch::default();
    batch(&mut watch, 5, 1_000, 1);
    let verdict = watch.handle_batch(Lane::Bulk, QueueEpoch(5), Seq(3), content(1), NOW);
    assert_eq!(verdict, Verdict::Fine);
}

fn in_lane(watch: &mut QueueWatch, lane: Lane, seq: u64) -> Verdict {
    watch.handle_batch(lane, QueueEpoch(5), Seq(seq), content(1), NOW)
}

/// Yesterday's image is put back: all lanes begin where they were.
#[test]
fn a_disk_that_was_restored_is_suspect_once_in_each_lane() {
    let mut watch = QueueWatch::default();
    for lane in Lane::ALL {
        (0..1_000).for_each(|seq| assert_eq!(in_lane(&mut watch, lane, seq), Verdict::Fine));
    }
    for lane in Lane::ALL {
        assert_eq!(in_lane(&mut watch, lane, 400), Verdict::Suspect(Reason::WentBack));
        (401..1_500).for_each(|seq| assert_eq!(in_lane(&mut watch, lane, seq), Verdict::Fine));
    }
}

/// The power was cut while the car caught up: it forgot of more batches than are remembered that they were answered.
#[test]
fn many_batches_that_two_lanes_send_again_are_no_clone() {
    let mut watch = QueueWatch::default();
    for lane in [Lane::Live, Lane::Bulk] {
        (0..500).for_each(|seq| assert_eq!(in_lane(&mut watch, lane, seq), Verdict::Fine));
    }
    for lane in [Lane::Live, Lane::Bulk] {
        assert_eq!(in_lane(&mut watch, lane, 100), Verdict::Suspect(Reason::WentBack));
        (101..600).for_each(|seq| assert_eq!(in_lane(&mut watch, lane, seq), Verdict::Fine));
    }
}

#[test]
fn two_queues_that_go_on_are_a_clone_in_each_lane() {
    for lane in Lane::ALL {
        let mut watch = QueueWatch::default();
        in_lane(&mut watch, lane, 1_000);
        assert_eq!(in_lane(&mut watch, lane, 400), Verdict::Suspect(Reason::WentBack));
        assert_eq!(in_lane(&mut watch, lane, 1_001), Verdict::Fine);
        assert_eq!(in_lane(&mut watch, lane, 401), Verdict::Cloned(Reason::WentBack));
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut watch = QueueWatch::default();
    (0..10_000).for_each(|seq| assert_eq!(batch(&mut watch, 5, seq, 1), Verdict::Fine));
    assert_eq!(watch.lanes[Lane::Live.index()].recent.len(), RECENT_MAX);
}

#[test]
fn a_clock_that_is_set_back_does_not_prolong_a_suspicion() {
    let mut watch = QueueWatch::default();
    let mut send = |seq, now| watch.handle_batch(Lane::Live, QueueEpoch(5), Seq(seq), content(1), now);
    assert_eq!(send(9, NOW + YEAR), Verdict::Fine);
    assert_eq!(send(1, NOW + YEAR), Verdict::Suspect(Reason::WentBack));
    assert_eq!(send(9_999, NOW), Verdict::Fine);
    assert_eq!(send(2, NOW + SUSPICION), Verdict::Suspect(Reason::WentBack));
}

#[test]
fn a_clock_that_is_set_back_does_not_keep_a_newcomer_waiting() {
    let mut watch = ConnectionWatch::new(ANSWER_WAIT);
    watch.handle_opened(FIRST, HERE, NOW + YEAR);
    watch.handle_opened(SECOND, HERE, NOW + YEAR);
    assert_eq!(watch.handle_timeout(SECOND, NOW), Waited::Until(later(10)));
    check_gives_way(&mut watch, SECOND);
}

const ELSEWHERE: Place = Place(3);

fn named(number: u8) -> Connection {
    Connection(number)
}

#[test]
fn who_was_sent_away_waits_next() {
    let mut watch = connected();
    // Two of a copy, which never answer.
    watch.handle_opened(SECOND, HERE, NOW);
    let elsewhere = Some((HERE, THERE));
    assert_eq!(watch.handle_opened(THIRD, THERE, later(1)), Opened::Taken { elsewhere });
    assert_eq!(watch.handle_closed(FIRST), Some(SECOND));
    // A third of it comes first, and waits until the car does.
    assert_eq!(watch.handle_opened(named(4), HERE, later(11)), waits(Some(SECOND), later(21)));
    let instead_of = waits_instead_of(named(4), (HERE, THERE), later(21));
    assert_eq!(watch.handle_opened(named(5), THERE, later(15)), instead_of);
    assert_eq!(watch.handle_timeout(named(4), later(21)), Waited::NotWaiting);
    assert_eq!(watch.handle_timeout(named(5), later(21)), Waited::Over { first: SECOND });
    assert_eq!(watch.handle_closed(SECOND), Some(named(5)));
    // The copy comes back, and the car answers.
    assert_eq!(watch.handle_opened(named(6), HERE, later(22)), waits(Some(named(5)), later(32)));
    let answered = watch.handle_answer(named(5), later(22)).unwrap();
    assert_eq!(answered.verdict, Verdict::Cloned(Reason::TwoPlaces));
}

/// A car that comes from another network each time is in one of them alone.
#[test]
fn nobody_is_sent_away_while_nobody_waits() {
    let mut watch = connected();
    watch.handle_opened(SECOND, HERE, NOW);
    watch.handle_opened(THIRD, THERE, later(1));
    watch.handle_closed(FIRST);
    // Before it is the turn of the network that it was in.
    assert_eq!(watch.handle_opened(named(4), ELSEWHERE, later(12)), waits(Some(SECOND), later(22)));
    assert_eq!(watch.handle_closed(SECOND), Some(named(4)));
    assert_eq!(watch.handle_opened(named(5), HERE, later(13)), waits(Some(named(4)), later(23)));
    let answered = watch.handle_answer(named(4), later(13)).unwrap();
    assert_eq!(answered.verdict, Verdict::Cloned(Reason::TwoPlaces));
}

#[test]
fn turns_are_taken_in_their_order_by_whoever_comes() {
    let mut watch = connected();
    watch.handle_opened(SECOND, HERE, NOW);
    // The copy comes from two more networks, before and after the car does.
    watch.handle_opened(named(3), ELSEWHERE, later(1));
    watch.handle_opened(named(4), THERE, later(2));
    watch.handle_opened(named(5), ELSEWHERE, later(3));
    watch.handle_closed(FIRST);
    assert_eq!(watch.handle_opened(named(6), ELSEWHERE, later(10)), waits(Some(SECOND), later(20)));
    // Whose turn it was gives way to nobody, also not to the next.
    assert!(matches!(watch.handle_opened(named(7), THERE, later(11)), Opened::Taken { .. }));
    watch.handle_closed(SECOND);
    assert_eq!(watch.handle_opened(named(8), HERE, later(20)), waits(Some(named(6)), later(30)));
    let instead_of = waits_instead_of(named(8), (HERE, THERE), later(30));
    assert_eq!(watch.handle_opened(named(9), THERE, later(20)), instead_of);
    // The one that gave way has its turn now.
    watch.handle_closed(named(6));
    assert_eq!(watch.handle_opened(named(10), ELSEWHERE, later(31)), waits(Some(named(9)), later(41)));
    let instead_of = waits_instead_of(named(10), (ELSEWHERE, HERE), later(41));
    assert_eq!(watch.handle_opened(named(11), HERE, later(32)), instead_of);
}

#[test]
fn who_waits_before_its_turn_does_not_give_way_to_its_own_network() {
    let mut watch = connected();
    watch.handle_opened(SECOND, HERE, NOW);
    watch.handle_opened(named(3), ELSEWHERE, later(1));
    watch.handle_opened(named(4), THERE, later(2));
    watch.handle_closed(FIRST);
    assert_eq!(watch.handle_opened(named(5), THERE, later(60)), waits(Some(SECOND), later(70)));
    // The turn before is over.
    let elsewhere = Some((HERE, THERE));
    assert_eq!(watch.handle_opened(named(6), THERE, later(61)), Opened::Taken { elsewhere });
    assert!(matches!(watch.handle_opened(named(7), ELSEWHERE, later(61)), Opened::Taken { .. }));
}

#[test]
fn a_turn_that_nobody_takes_is_over_after_a_minute() {
    for (at, gives_way) in [(60, true), (61, false)] {
        let mut watch = connected();
        watch.handle_opened(SECOND, HERE, NOW);
        watch.handle_opened(THIRD, THERE, later(1));
        watch.handle_closed(FIRST);
        assert_eq!(watch.has_turns(later(at)), gives_way);
        assert_eq!(watch.handle_opened(named(4), HERE, later(at)), waits(Some(SECOND), later(at + 10)));
        let opened = watch.handle_opened(named(5), THERE, later(at));
        assert_eq!(matches!(opened, Opened::Waits { instead_of: Some(_), .. }), gives_way, "{opened:?}");
    }
}

/// Somebody took a turn before the car and does not come back. The car does, and loses its own meanwhile not.
#[test]
fn who_comes_back_keeps_its_turn() {
    let mut watch = connected();
    watch.handle_opened(SECOND, HERE, NOW);
    watch.handle_opened(named(3), ELSEWHERE, later(1));
    watch.handle_opened(named(4), THERE, later(2));
    watch.handle_opened(named(5), THERE, later(50));
    watch.handle_closed(FIRST);
    assert_eq!(watch.handle_opened(named(6), HERE, later(100)), waits(Some(SECOND), later(110)));
    let instead_of = waits_instead_of(named(6), (HERE, THERE), later(110));
    assert_eq!(watch.handle_opened(named(7), THERE, later(100)), instead_of);
}

/// Those of a copy that ends all its connections at once, and opens them anew.
#[test]
fn turns_outlive_the_connections() {
    let mut watch = connected();
    watch.handle_opened(SECOND, HERE, NOW);
    watch.handle_opened(THIRD, THERE, later(1));
    assert_eq!((watch.handle_closed(FIRST), watch.handle_closed(SECOND)), (Some(SECOND), None));
    assert!(watch.has_turns(later(2)));
    assert_eq!(watch.handle_opened(named(4), HERE, later(2)), Opened::Alone);
    assert_eq!(watch.handle_opened(named(5), HERE, later(2)), waits(Some(named(4)), later(12)));
    let instead_of = waits_instead_of(named(5), (HERE, THERE), later(12));
    assert_eq!(watch.handle_opened(named(6), THERE, later(11)), instead_of);
    assert_eq!(watch.handle_timeout(named(6), later(12)), Waited::Over { first: named(4) });
}

#[test]
fn who_is_in_needs_no_turn() {
    let mut watch = connected();
    watch.handle_opened(SECOND, HERE, NOW);
    watch.handle_opened(THIRD, THERE, later(1));
    watch.handle_closed(SECOND);
    watch.handle_closed(FIRST);
    assert_eq!(watch.handle_opened(named(4), THERE, later(2)), Opened::Alone);
    assert!(!watch.has_turns(later(2)));
}

#[test]
fn more_networks_at_once_than_a_car_is_in_are_a_clone() {
    for (at, is_crowd) in [(60, true), (61, false)] {
        let mut watch = connected();
        watch.handle_opened(SECOND, HERE, NOW);
        for place in (3..=10).map(Place) {
            assert!(matches!(watch.handle_opened(THIRD, place, later(1)), Opened::Taken { .. }));
        }
        let opened = watch.handle_opened(THIRD, THERE, later(at));
        let crowd = Opened::Crowd { live: FIRST, newcomer: Some(SECOND), places: (HERE, THERE) };
        // A car that was in as many, but not within a minute.
        assert_eq!(opened == crowd, is_crowd, "{opened:?}");
        if is_crowd {
            // Which is told once.
            assert!(matches!(watch.handle_opened(THIRD, THERE, later(at)), Opened::Waits { .. }));
        }
    }
}
