use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::codec::{Properties, Publish, QoS, ReasonCode};

fn stream(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for payload in payloads {
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: "t",
            id: None,
            properties: Properties::EMPTY,
            payload,
        };
        Packet::Publish(publish).encode(&mut bytes).unwrap();
    }
    bytes
}

fn payload(packet: &Packet<'_>) -> Vec<u8> {
    let Packet::Publish(publish) = packet else { panic!("only PUBLISH was written") };
    publish.payload.to_vec()
}

proptest! {
    #[test]
    fn packets_survive_any_cut(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..8),
        cuts in proptest::collection::vec(1_usize..200, 1..60),
    ) {
        let bytes = stream(&payloads);
        let mut frames = Frames::new();
        let mut seen = Vec::new();
        let mut rest = &bytes[..];
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (chunk, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = tail;
            let flow = frames.feed(chunk, 1000, |packet| {
                seen.push(payload(&packet));
                ControlFlow::<()>::Continue(())
            });
            prop_assert_eq!(flow, Ok(ControlFlow::Continue(())));
        }
        prop_assert_eq!(seen, payloads);
        prop_assert_eq!(frames.held_bytes(), 0);
    }

    #[test]
    fn a_pause_keeps_what_follows(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 2..8),
        cut in 1_usize..40,
    ) {
        let bytes = stream(&payloads);
        let mut frames = Frames::new();
        let mut seen = Vec::new();
        let (head, tail) = bytes.split_at(cut.min(bytes.len()));
        for chunk in [head, tail] {
            // Every packet pauses; an empty feed goes on.
            let mut chunk = chunk;
            while frames.feed(chunk, 1000, |packet| { seen.push(payload(&packet)); ControlFlow::Break(()) }).unwrap().is_break() {
                chunk = &[];
            }
        }
        prop_assert_eq!(seen, payloads);
    }
}

#[test]
fn an_oversized_packet_is_refused_by_its_header() {
    let mut frames = Frames::new();
    let flow = frames.feed(&[0x30, 0xff], 100, |_| ControlFlow::Break(()));
    assert_eq!(flow, Ok(ControlFlow::Continue(())));
    let violation = frames.feed(&[0x7f], 100, |_| ControlFlow::Break(())).unwrap_err();
    assert_eq!(violation.reason, ReasonCode::PacketTooLarge);
    assert!(frames.held_bytes() < 8);
}
