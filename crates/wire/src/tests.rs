mod access;
mod documents;
mod envelope;
mod fixture;
mod golden;

pub(crate) use fixture::{catalogue, column, header_meta};

use model::{Lane, VehicleId};

use crate::{Kind, topic::*};

#[test]
fn topics_round_trip() {
    let vehicle = VehicleId::from_bytes([0xab; 16]);
    let ups = Lane::ALL.map(Topic::Up);
    let downs = Kind::ALL.map(Topic::Down);
    let others = [
        Topic::Report,
        Topic::Fetch,
        Topic::LinkCode,
        Topic::Pong,
        Topic::Hint,
        Topic::Notice,
        Topic::Access,
        Topic::Ping,
    ];
    for topic in others.iter().chain(&ups).chain(&downs) {
        assert_eq!(Topic::parse(&topic.of(vehicle)), Some((vehicle, *topic)));
    }
    assert_eq!(Topic::Up(Lane::Live).of(vehicle), format!("v1/{vehicle}/up/live"));
}

#[test]
fn other_topics_are_none_of_ours() {
    let vehicle = VehicleId::from_bytes([0xab; 16]);
    for rest in ["", "up", "up/", "up/fast", "up/live/x", "down/keys", "report/", "Report", "x/report"] {
        assert_eq!(Topic::parse(&format!("v1/{vehicle}/{rest}")), None, "{rest}");
    }
    assert_eq!(Topic::parse("v2/00/report"), None);
    assert_eq!(Topic::parse("v1/00/report"), None);
}
