use std::time::Duration;

use bytes::Bytes;
use link::{
    Packet, ReasonCode,
    codec::{Connect, Properties, QoS},
};
use model::{CampaignVersion, Lane, Purpose, Timestamp};
use wire::{Fetch, Kind, LinkCode, topic::Topic};

use super::*;

mod clones;
mod fakes;
mod phone;
mod secure;

use fakes::{Mode, Stage, batch, batch_with, header, vehicle};
use phone::Phone;

#[test]
fn a_batch_is_acknowledged_when_the_log_has_it_and_not_before() {
    let stage = Stage::new();
    stage.log.set(Mode::Hold);
    let mut car = stage.car(1);
    car.publish(Lane::Live, 1, &batch(1));
    let entries = stage.log.next_group();
    assert_eq!(entries.len(), 1);
    // The answer to a later packet comes first: the acknowledgement waits.
    car.send(&Packet::PingReq);
    assert_eq!(car.hear(), "pingresp");
    stage.log.release();
    assert_eq!(car.hear(), "puback 1 00");
}

#[test]
fn the_log_gets_the_batch_as_it_came() {
    let stage = Stage::new();
    let mut car = stage.car(1);
    let payload = batch(7);
    car.publish(Lane::Live, 1, &payload);
    let [entry] = stage.log.next_group().try_into().unwrap();
    assert_eq!(entry.payload, payload);
    assert_eq!((entry.subject, entry.brand, entry.lane), (fakes::subject(1), model::Brand::Jeep, Lane::Live));
    assert!(entry.received > model::Timestamp(0));
    assert_eq!(car.hear(), "puback 1 00");
}

#[test]
fn a_refused_batch_has_its_reason_and_disturbs_nothing() {
    let stage = Stage::new();
    let mut car = stage.car(1);
    let with = |change: fn(&mut wire::BatchMeta)| {
        let mut meta = header(1);
        change(&mut meta);
        batch_with(&meta)
    };
    let mut damaged = batch(1);
    damaged[5] ^= 1;
    for (payload, answer) in [
        (damaged, "puback 1 99"),
        (Vec::new(), "puback 1 99"),
        (with(|meta| meta.lane = Lane::Bulk), "puback 1 99"),
        (with(|meta| meta.campaign = fakes::STRANGE_CAMPAIGN), "puback 1 83"),
        (with(|meta| meta.campaign = fakes::OTHERS_CAMPAIGN), "puback 1 87"),
        (with(|meta| meta.version = CampaignVersion(9)), "puback 1 83"),
        (with(|meta| meta.purpose = Purpose::Safety), "puback 1 87"),
    ] {
        car.publish(Lane::Live, 1, &payload);
        assert_eq!(car.hear(), answer);
    }
    stage.registry.forget_catalogues();
    car.publish(Lane::Live, 1, &batch(1));
    assert_eq!(car.hear(), "puback 1 83");
    car.publish_to(&Topic::Up(Lane::Live).of(vehicle(2)), 1, &batch(1));
    assert_eq!(car.hear(), "puback 1 87");
    stage.registry.know_catalogues();
    car.publish(Lane::Live, 2, &batch(1));
    assert_eq!(car.hear(), "puback 2 00");
    let metrics = stage.gateway.metrics();
    assert_eq!(metrics.refused.iter().sum::<u64>(), 9);
    assert_eq!((metrics.publishes, metrics.batches), (10, 1));
}

#[test]
fn refusals_wait_for_the_acknowledgements_before_them() {
    let stage = Stage::new();
    stage.log.set(Mode::Hold);
    let mut car = stage.car(1);
    car.publish(Lane::Live, 1, &batch(1));
    car.publish(Lane::Live, 2, b"nonsense");
    stage.log.next_group();
    stage.log.release();
    assert_eq!(car.hear(), "puback 1 00");
    assert_eq!(car.hear(), "puback 2 99");
}

#[track_caller]
fn check_disconnected(what: impl FnOnce(&mut Phone), reason: ReasonCode) {
    let stage = Stage::new();
    let mut neighbour = stage.car(2);
    let mut car = stage.car(1);
    what(&mut car);
    assert_eq!(car.hear(), format!("disconnect {:02x}", reason.byte()));
    assert_eq!(car.hear(), "end");
    // It cost nobody else anything.
    neighbour.publish(Lane::Live, 1, &batch(1));
    assert_eq!(neighbour.hear(), "puback 1 00");
}

#[test]
fn a_packet_larger_than_announced_closes_only_its_connection() {
    check_disconnected(|car| car.send_bytes(&[0x32, 0xff, 0xff, 0x7f]), ReasonCode::PacketTooLarge);
}

#[test]
fn a_malformed_packet_closes_only_its_connection() {
    check_disconnected(|car| car.send_bytes(&[0x00, 0x00]), ReasonCode::MalformedPacket);
}

#[test]
fn a_second_connect_closes_only_its_connection() {
    check_disconnected(|car| car.send_connect(1, 60), ReasonCode::ProtocolError);
}

#[test]
fn a_publish_of_qos_2_closes_only_its_connection() {
    check_disconnected(|car| car.publish_as(QoS::ExactlyOnce, false), ReasonCode::QoSNotSupported);
}

#[test]
fn a_retained_publish_closes_only_its_connection() {
    check_disconnected(|car| car.publish_as(QoS::AtLeastOnce, true), ReasonCode::RetainNotSupported);
}

#[test]
fn a_strange_topic_closes_only_its_connection() {
    check_disconnected(|car| car.publish_to("strange", 1, b""), ReasonCode::TopicNameInvalid);
}

#[test]
fn more_in_flight_than_announced_closes_only_its_connection() {
    let stage = Stage::new();
    stage.log.set(Mode::Hold);
    let mut car = stage.car(1);
    for number in 1..=model::limits::RECEIVE_MAXIMUM + 1 {
        car.publish(Lane::Live, number, &batch(1));
    }
    assert_eq!(car.hear(), "disconnect 93");
}

#[test]
fn a_silent_car_is_told_and_let_go() {
    let mut stage = Stage::new();
    let mut car = stage.phone();
    car.connect(1, 1);
    assert_eq!(stage.next_news(), (vehicle(1), Change::Connected));
    assert_eq!(car.hear(), "disconnect 8d");
    let change = Change::Disconnected { cause: Cause::Silent, with_will: false };
    assert_eq!(stage.next_news(), (vehicle(1), change));
}

#[test]
fn comings_and_goings_are_told() {
    let mut stage = Stage::new();
    let mut car = stage.car(1);
    assert_eq!(stage.next_news(), (vehicle(1), Change::Connected));
    car.send_bytes(&[0xe0, 0]);
    assert_eq!(car.hear(), "end");
    let change = |cause| Change::Disconnected { cause, with_will: false };
    assert_eq!(stage.next_news(), (vehicle(1), change(Cause::Goodbye)));
    let car = stage.car(2);
    assert_eq!(stage.next_news(), (vehicle(2), Change::Connected));
    drop(car);
    assert_eq!(stage.next_news(), (vehicle(2), change(Cause::Lost)));
    assert!(!stage.gateway.is_connected(vehicle(2)));
}

#[test]
fn the_last_connection_of_a_car_has_it() {
    let mut stage = Stage::new();
    let mut first = stage.car(1);
    assert_eq!(stage.next_news(), (vehicle(1), Change::Connected));
    let mut second = stage.car(1);
    // It did not answer whether it lives: it cannot, since it does not listen.
    assert_eq!(first.hear(), "disconnect 8e");
    let change = Change::Disconnected { cause: Cause::TakenOver, with_will: false };
    assert_eq!(stage.next_news(), (vehicle(1), change));
    assert_eq!(stage.next_news(), (vehicle(1), Change::Connected));
    assert!(stage.gateway.is_connected(vehicle(1)));
    second.publish(Lane::Live, 1, &batch(1));
    assert_eq!(second.hear(), "puback 1 00");
}

#[test]
fn a_car_that_the_registry_denies_hears_why() {
    let stage = Stage::new();
    for (denial, answer) in [
        (Denial::UnknownVehicle, "connack 87"),
        (Denial::Revoked, "connack 8a"),
        (Denial::Expired, "connack 87"),
        (Denial::Quarantined, "connack 87"),
        (Denial::Unavailable, "connack 88"),
    ] {
        stage.registry.deny(Some(denial));
        let mut car = stage.phone();
        car.send_connect(1, 60);
        assert_eq!(car.hear(), answer);
        assert_eq!(car.hear(), "end");
    }
}

#[test]
fn what_a_car_sends_while_the_registry_is_asked_is_not_lost() {
    let stage = Stage::new();
    let gate = stage.registry.hold();
    let mut car = stage.phone();
    car.send_connect(1, 60);
    car.publish_to(&Topic::Up(Lane::Live).of(vehicle(1)), 1, &batch(1));
    // Another car is served meanwhile.
    let mut other = stage.phone();
    other.send_bytes(&[0xc0, 0]);
    assert_eq!(other.hear(), "connack 82");
    gate.notify_one();
    assert_eq!(car.hear(), "connack 00");
    assert_eq!(car.hear(), "puback 1 00");
}

#[test]
fn a_car_whose_admission_is_withdrawn_is_sent_away() {
    let stage = Stage::new();
    let mut car = stage.car(1);
    stage.registry.deny(Some(Denial::Revoked));
    stage.gateway.changed(vehicle(1));
    assert_eq!(car.hear(), "disconnect 98");
    stage.registry.deny(None);
    let mut car = stage.car(1);
    stage.registry.deny(Some(Denial::Quarantined));
    stage.gateway.changed(vehicle(1));
    assert_eq!(car.hear(), "disconnect 87");
}

#[test]
fn a_campaign_that_is_assigned_later_is_taken_without_a_new_connection() {
    let stage = Stage::new();
    let mut car = stage.car(1);
    let mut meta = header(1);
    meta.campaign = fakes::OTHERS_CAMPAIGN;
    car.publish(Lane::Live, 1, &batch_with(&meta));
    assert_eq!(car.hear(), "puback 1 87");
    stage.registry.assign(fakes::OTHERS_CAMPAIGN);
    stage.gateway.changed(vehicle(1));
    // Letters are opened in their order, so that a notice after it proves that it was.
    car.subscribe();
    assert_eq!(car.hear(), "suback");
    stage.gateway.hint(vehicle(1));
    assert_eq!(car.hear(), "publish hint 0");
    car.publish(Lane::Live, 2, &batch_with(&meta));
    assert_eq!(car.hear(), "puback 2 00");
}

#[test]
fn a_full_log_stops_reading_and_loses_nothing() {
    let stage = Stage::new();
    stage.log.set(Mode::Full);
    let mut car = stage.car(1);
    let mut other = stage.car(2);
    car.publish(Lane::Live, 1, &batch(1));
    stage.log.next_refusal();
    // From now on nothing is read: what these send waits in their sockets.
    other.publish(Lane::Live, 1, &batch(2));
    car.publish(Lane::Live, 2, &batch(3));
    stage.log.set(Mode::Confirm);
    stage.log.make_room();
    assert_eq!(car.hear(), "puback 1 00");
    assert_eq!(car.hear(), "puback 2 00");
    assert_eq!(other.hear(), "puback 1 00");
    assert!(stage.gateway.metrics().stalls >= 1);
}

#[test]
fn a_car_that_floods_waits_and_loses_nothing() {
    let stage = Stage::with(|config| config.quota.messages = Rate { per_minute: 60, burst: 2 });
    let (mut flood, mut neighbour) = (stage.car(1), stage.car(2));
    for number in 1..=4 {
        flood.publish(Lane::Live, number, &batch(number.into()));
    }
    // The third is taken on credit; the fourth stays in the socket until it is paid.
    for number in 1..=3 {
        assert_eq!(flood.hear(), format!("puback {number} 00"));
    }
    neighbour.publish(Lane::Live, 1, &batch(1));
    assert_eq!(neighbour.hear(), "puback 1 00");
    assert_eq!(flood.hear(), "puback 4 00");
    assert!(stage.gateway.metrics().pauses >= 1);
}

#[test]
fn a_new_connection_is_no_new_quota() {
    let mut stage = Stage::with(|config| config.quota.samples = Rate { per_minute: 60, burst: 2 });
    let mut car = stage.car(1);
    for number in 1..=2 {
        car.publish(Lane::Live, number, &batch(number.into()));
        assert_eq!(car.hear(), format!("puback {number} 00"));
    }
    assert_eq!(stage.gateway.metrics().pauses, 0);
    drop(car);
    let left = |change: &Change| matches!(change, Change::Disconnected { .. });
    while !left(&stage.next_news().1) {}
    let mut car = stage.car(1);
    car.publish(Lane::Live, 1, &batch(3));
    car.publish(Lane::Live, 2, &batch(4));
    assert_eq!(car.hear(), "puback 1 00");
    assert_eq!(car.hear(), "puback 2 00");
    assert!(stage.gateway.metrics().pauses >= 1);
}

#[test]
fn reports_beyond_the_quota_wait() {
    let stage = Stage::with(|config| config.quota.questions = Rate { per_minute: 120, burst: 1 });
    let mut car = stage.car(1);
    for number in 1..=3 {
        car.publish_to(&Topic::Report.of(vehicle(1)), number, &wire::encode_report(&fakes::report()));
    }
    for number in 1..=3 {
        assert_eq!(car.hear(), format!("puback {number} 00"));
    }
    assert_eq!(stage.reports.kept().len(), 3);
    assert!(stage.gateway.metrics().pauses >= 1);
}

#[test]
fn batches_do_not_wait_for_reports_but_many_reports_wait_for_their_answers() {
    let stage = Stage::new();
    let gate = stage.reports.hold();
    let mut car = stage.car(1);
    let report = |car: &mut Phone, number| {
        car.publish_to(&Topic::Report.of(vehicle(1)), number, &wire::encode_report(&fakes::report()));
    };
    report(&mut car, 1);
    car.publish(Lane::Live, 2, &batch(1));
    assert_eq!(stage.log.next_group().len(), 1);
    for number in 3..=6 {
        report(&mut car, number);
    }
    // Three are being kept; the others, and what comes after them, stay in the socket.
    gate.next_asked(3);
    assert_eq!(stage.reports.kept().len(), 3);
    gate.open();
    for number in 1..=6 {
        assert_eq!(car.hear(), format!("puback {number} 00"));
    }
    assert_eq!(stage.reports.kept().len(), 5);
}

#[test]
fn a_connection_ends_with_its_certificate() {
    let stage = Stage::new();
    let mut neighbour = stage.car(2);
    stage.registry.end_at(clock::now().time + model::Micros(300_000));
    let mut car = stage.car(1);
    assert_eq!(car.hear(), "disconnect 98");
    neighbour.publish(Lane::Live, 1, &batch(1));
    assert_eq!(neighbour.hear(), "puback 1 00");
}

#[test]
fn connections_that_come_too_fast_wait_at_the_door() {
    let stage = Stage::with(|config| config.accepts = Rate { per_minute: 600, burst: 1 });
    let phones: Vec<Phone> = (0..4).map(|_| stage.phone()).collect();
    for (number, mut phone) in (1..).zip(phones) {
        phone.connect(number, 60);
    }
    let metrics = stage.gateway.metrics();
    assert_eq!(metrics.connections_accepted, 4);
    assert!(metrics.accept_pauses >= 1);
}

#[test]
fn a_gateway_runs_until_a_worker_ends() {
    let stage = Stage::new();
    assert!(stage.gateway.is_running());
    stage.gateway.stop();
    while stage.gateway.is_running() {
        std::thread::yield_now();
    }
}

#[test]
fn a_log_that_fails_sends_its_cars_away_to_try_again() {
    let stage = Stage::new();
    stage.log.set(Mode::Fail);
    let mut car = stage.car(1);
    car.publish(Lane::Live, 1, &batch(1));
    assert_eq!(car.hear(), "disconnect 89");
}

#[test]
fn a_fetch_is_answered_with_what_is_newer() {
    let stage = Stage::new();
    let mut car = stage.car(1);
    car.subscribe();
    assert_eq!(car.hear(), "suback");
    car.publish_to(
        &Topic::Fetch.of(vehicle(1)),
        5,
        &wire::encode_fetch(&Fetch { have: vec![(Kind::Campaigns, 3)], access: None }),
    );
    assert_eq!(car.hear(), "publish campaigns 200000");
    assert_eq!(car.hear(), "puback 5 00");
    stage.gateway.notice(vehicle(1), Bytes::from_static(b"bad column"));
    assert_eq!(car.hear(), "publish notice 10");
}

#[test]
fn a_report_is_acknowledged_when_it_is_kept() {
    let stage = Stage::new();
    let mut car = stage.car(1);
    let topic = Topic::Report.of(vehicle(1));
    car.publish_to(&topic, 1, &wire::encode_report(&fakes::report()));
    assert_eq!(car.hear(), "puback 1 00");
    assert_eq!(stage.reports.kept(), [(vehicle(1), fakes::report())]);
    car.publish_to(&topic, 2, b"\xff");
    assert_eq!(car.hear(), "puback 2 99");
}

#[test]
fn a_code_is_acknowledged_when_it_counts() {
    let stage = Stage::new();
    let mut car = stage.car(1);
    let code = LinkCode {
        kind: possession::CodeKind::Owner,
        hash: possession::CodeHash([7; 32]),
        until: Timestamp(1),
    };
    let payload = wire::encode_link_code(&code);
    car.publish_to(&Topic::LinkCode.of(vehicle(1)), 1, &payload);
    assert_eq!(car.hear(), "puback 1 00");
    car.publish_to(&Topic::LinkCode.of(vehicle(1)), 2, &payload[1..]);
    assert_eq!(car.hear(), "puback 2 99");
    car.publish_to(&Topic::LinkCode.of(vehicle(2)), 3, &payload);
    assert_eq!(car.hear(), "puback 3 87");
    assert_eq!(stage.reports.codes(), [(vehicle(1), code)]);
}

#[test]
fn a_car_that_does_not_read_costs_only_itself() {
    let mut stage = Stage::new();
    let mut slow = stage.car(1);
    assert_eq!(stage.next_news(), (vehicle(1), Change::Connected));
    slow.subscribe();
    assert_eq!(slow.hear(), "suback");
    let document = Bytes::from(vec![0; model::limits::DOCUMENT_BYTES_MAX]);
    // Enough for all buffers on the way.
    for _ in 0..200 {
        stage.gateway.notice(vehicle(1), document.clone());
    }
    let change = Change::Disconnected { cause: Cause::Slow, with_will: false };
    assert_eq!(stage.next_news(), (vehicle(1), change));
    let mut car = stage.car(2);
    car.publish(Lane::Live, 1, &batch(1));
    assert_eq!(car.hear(), "puback 1 00");
}

#[test]
fn a_large_batch_in_many_pieces_is_one_batch() {
    let stage = Stage::new();
    let mut car = stage.car(1);
    let mut rest: &[u8] = &car.publish_bytes(&Topic::Up(Lane::Live).of(vehicle(1)), 1, &vec![0; 200_000]);
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(rest.len().min(7_777));
        car.send_bytes(piece);
        rest = tail;
    }
    assert_eq!(car.hear(), "puback 1 99");
}

#[test]
fn shutdown_acknowledges_what_is_durable_then_says_goodbye() {
    let stage = Stage::new();
    stage.log.set(Mode::Hold);
    let mut car = stage.car(1);
    car.publish(Lane::Live, 1, &batch(1));
    stage.log.next_group();
    let Stage { gateway, runtime, log, .. } = stage;
    let ended = runtime.spawn(gateway.shutdown());
    log.release();
    assert_eq!(car.hear(), "puback 1 00");
    assert_eq!(car.hear(), "disconnect 8b");
    drop(car);
    runtime.block_on(ended).unwrap();
}

#[test]
fn more_connections_than_allowed_are_closed_at_once() {
    let stage = Stage::with(|config| config.connections_max = 1);
    let mut first = stage.car(1);
    let mut second = stage.phone();
    assert_eq!(second.hear(), "end");
    first.publish(Lane::Live, 1, &batch(1));
    assert_eq!(first.hear(), "puback 1 00");
    assert_eq!(stage.gateway.metrics().connections_rejected, 1);
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let stage = Stage::with(|config| config.limits.connect_timeout = Duration::from_millis(50));
    assert_eq!(stage.phone().hear(), "end");
}

#[test]
fn a_listener_without_tls_stays_on_loopback() {
    let stage = Stage::new();
    let mut config = stage.config();
    config.listen = "0.0.0.0:0".parse().unwrap();
    let result = Gateway::start(config, stage.backends(), stage.runtime.handle());
    assert!(matches!(result, Err(Error::PlainBeyondLoopback { .. })));
}

#[test]
fn a_port_in_use_is_an_error_and_not_shared() {
    let stage = Stage::new();
    let mut config = stage.config();
    config.listen = stage.gateway.address();
    let result = Gateway::start(config, stage.backends(), stage.runtime.handle());
    assert!(matches!(result, Err(Error::Listen { .. })));
}

#[test]
fn metrics_name_their_units() {
    let stage = Stage::new();
    let mut car = stage.car(1);
    car.publish(Lane::Live, 1, &batch(1));
    assert_eq!(car.hear(), "puback 1 00");
    let mut text = String::new();
    stage.gateway.metrics().render(&mut text).unwrap();
    for line in [
        "marque_gateway_connections 1\n",
        "marque_gateway_batches_durable_total 1\n",
        "marque_gateway_refused_total{reason=\"invalid\"} 0\n",
        "marque_gateway_log_latency_microseconds_count 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[test]
fn an_old_protocol_is_refused() {
    let stage = Stage::new();
    let mut car = stage.phone();
    let mut bytes = Vec::new();
    let connect = Connect {
        clean_start: true,
        keep_alive_s: 60,
        properties: Properties::EMPTY,
        client_id: "",
        will: None,
        user_name: None,
        password: None,
    };
    Packet::Connect(connect).encode(&mut bytes).unwrap();
    bytes[8] = 4;
    car.send_bytes(&bytes);
    assert_eq!(car.hear(), "connack 84");
}
