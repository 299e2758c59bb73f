//! Threat: a car with a good certificate of its own speaks as another car, listens to it, or breaks the
//! gateway for others: foreign topics and client identifiers, wildcards, reserved topics, packets without end.

use link::{
    Packet,
    codec::{Properties, Publish, QoS},
};
use wire::topic::{Topic, down_filter};

use super::{cell::Cell, wiretap::Wiretap};

#[tokio::test(flavor = "multi_thread")]
async fn a_car_cannot_take_another_cars_client_identifier() {
    let cell = Cell::new().await;
    let ((_, thief), (victim, _)) = (cell.enrolled(1).await, cell.enrolled(2).await);
    for client_id in [victim.id.to_string(), "00".repeat(16), "+".to_owned(), "x".repeat(1_000)] {
        let mut car = Wiretap::dial(&cell, &thief).await;
        car.connect(&client_id).await;
        assert_eq!((car.hear().await, car.hear().await), ("connack 85".to_owned(), "end".to_owned()));
    }
    assert_eq!(cell.get(&format!("/v1/vehicles/{}", victim.id)).await["connected"], false);
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_cannot_publish_as_another() {
    let cell = Cell::new().await;
    let ((thief, identity), (victim, _)) = (cell.enrolled(1).await, cell.enrolled(2).await);
    let mut car = Wiretap::connected(&cell, thief.id, &identity).await;
    for topic in [Topic::Up(model::Lane::Live), Topic::Report, Topic::Fetch, Topic::LinkCode] {
        car.publish(&topic.of(victim.id), b"x").await;
        assert_eq!(car.hear().await, "puback 87", "{topic:?}");
    }
    // Nor answer for it whether it lives: of QoS 0, nothing is taken but one's own.
    let pong = Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: &Topic::Pong.of(victim.id),
        id: None,
        properties: Properties::EMPTY,
        payload: b"12345678",
    };
    car.send(&Packet::Publish(pong)).await;
    assert_eq!(car.hear().await, "disconnect 83");
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_cannot_publish_what_the_platform_says_to_cars() {
    let cell = Cell::new().await;
    let ((thief, identity), (victim, _)) = (cell.enrolled(1).await, cell.enrolled(2).await);
    for id in [thief.id, victim.id] {
        for topic in [Topic::Down(wire::Kind::Campaigns), Topic::Hint, Topic::Notice, Topic::Ping] {
            let mut car = Wiretap::connected(&cell, thief.id, &identity).await;
            car.publish(&topic.of(id), b"x").await;
            assert_eq!(car.hear().await, "disconnect 90", "{topic:?}");
        }
    }
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_of_wildcards_of_the_server_and_of_nobody_end_the_connection() {
    let cell = Cell::new().await;
    let (thief, identity) = cell.enrolled(1).await;
    let own = format!("v1/{}", thief.id);
    let topics = [
        "$SYS/broker".to_owned(),
        "$share/all/v1".to_owned(),
        "+/+/report".to_owned(),
        "#".to_owned(),
        format!("{own}/#"),
        format!("{own}/+"),
        format!("{own}/up/live/"),
        format!("{own}//report"),
        format!("/{own}/report"),
        format!("{own}/../{}/report", "ab".repeat(16)),
        format!("{own}/report\u{0}"),
        "v1/report".to_owned(),
        "x".repeat(60_000),
    ];
    for topic in topics {
        let mut car = Wiretap::connected(&cell, thief.id, &identity).await;
        // Written by hand, since our own encoder refuses some of these.
        let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
        body.extend_from_slice(topic.as_bytes());
        body.extend_from_slice(&[0, 1, 0, b'x']);
        let mut bytes = vec![0x32];
        let mut rest = body.len();
        while rest > 0 {
            let more = rest > 0x7f;
            bytes.push(u8::try_from(rest & 0x7f).unwrap() | u8::from(more) << 7);
            rest >>= 7;
        }
        bytes.extend_from_slice(&body);
        car.send_bytes(&bytes).await;
        let heard = car.hear().await;
        assert!(
            ["disconnect 90", "disconnect 81", "disconnect 82"].contains(&heard.as_str()),
            "{topic}: {heard}"
        );
        assert_eq!(car.hear().await, "end");
    }
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_car_hears_nothing_of_others() {
    let cell = Cell::new().await;
    let ((thief, identity), (victim, _)) = (cell.enrolled(1).await, cell.enrolled(2).await);
    let mut car = Wiretap::connected(&cell, thief.id, &identity).await;
    let own = thief.id;
    for (filter, answer) in [
        (down_filter(victim.id), "suback 87"),
        ("#".to_owned(), "suback 87"),
        ("+/+/down/#".to_owned(), "suback 87"),
        ("v1/+/down/#".to_owned(), "suback 87"),
        ("$SYS/#".to_owned(), "suback 87"),
        (format!("$share/all/v1/{}/down/#", victim.id), "suback 9e"),
        (format!("v1/{own}/#"), "suback a2"),
        (format!("v1/{own}/up/live"), "suback 8f"),
        (down_filter(own), "suback 00"),
    ] {
        car.subscribe(&filter).await;
        assert_eq!(car.hear().await, answer, "{filter}");
    }
    cell.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_without_end_cost_only_who_sends_them() {
    let cell = Cell::new().await;
    let ((thief, identity), (other, own)) = (cell.enrolled(1).await, cell.enrolled(2).await);
    let mut neighbour = Wiretap::connected(&cell, other.id, &own).await;
    let mut car = Wiretap::connected(&cell, thief.id, &identity).await;
    // Says that 256 MB follow.
    car.send_bytes(&[0x32, 0xff, 0xff, 0xff, 0x7f]).await;
    assert_eq!((car.hear().await, car.hear().await), ("disconnect 95".to_owned(), "end".to_owned()));
    let mut car = Wiretap::connected(&cell, thief.id, &identity).await;
    // A length that never ends.
    car.send_bytes(&[0x32, 0xff, 0xff, 0xff, 0xff, 0xff]).await;
    assert_eq!((car.hear().await, car.hear().await), ("disconnect 81".to_owned(), "end".to_owned()));
    neighbour.send(&Packet::PingReq).await;
    assert_eq!(neighbour.hear().await, "pingresp");
    cell.platform.stop().await;
}
