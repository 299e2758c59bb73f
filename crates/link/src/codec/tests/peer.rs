//! The same bytes through rumqttc's codec: where both read a packet, they read the same.

use bytes::BytesMut;
use proptest::prelude::*;
use rumqttc::v5::mqttbytes::{self, v5 as theirs};

use super::*;

/// Panics when one codec reads something else than the other. What only one reads is no difference:
/// ours is stricter, and theirs has limits of its own.
fn check_same(bytes: &[u8]) -> bool {
    let ours = decode(bytes, MAX);
    let mut stream = BytesMut::from(bytes);
    let theirs = theirs::Packet::read(&mut stream, Some(u32::try_from(MAX).unwrap()));
    let (Ok(Some((ours, len))), Ok(theirs)) = (ours, theirs) else { return false };
    assert_eq!(len, bytes.len() - stream.len());
    match (ours, theirs) {
        (Packet::Publish(ours), theirs::Packet::Publish(theirs)) => {
            assert_eq!(ours.topic.as_bytes(), theirs.topic);
            assert_eq!(ours.payload, theirs.payload);
            assert_eq!((ours.dup, ours.retain), (theirs.dup, theirs.retain));
            assert_eq!(ours.id.map_or(0, PacketId::get), theirs.pkid);
            assert_eq!(ours.qos as u8, theirs.qos as u8);
            let alias = ours.properties.iter().find_map(|property| {
                if let Property::TopicAlias(alias) = property { Some(alias) } else { None }
            });
            assert_eq!(alias, theirs.properties.and_then(|properties| properties.topic_alias));
        }
        (Packet::Connect(ours), theirs::Packet::Connect(theirs, will, login)) => {
            assert_eq!(ours.client_id, theirs.client_id);
            assert_eq!((ours.keep_alive_s, ours.clean_start), (theirs.keep_alive, theirs.clean_start));
            assert_eq!(ours.will.is_some(), will.is_some());
            assert_eq!(ours.user_name.is_some() || ours.password.is_some(), login.is_some());
        }
        (Packet::PubAck(ours), theirs::Packet::PubAck(theirs)) => {
            assert_eq!((ours.id.get(), ours.reason.is_failure()), (theirs.pkid, theirs.reason as u8 > 1));
            let text = theirs.properties.and_then(|properties| properties.reason_string);
            assert_eq!(ours.properties.reason_string(), text.as_deref());
        }
        (Packet::Subscribe(ours), theirs::Packet::Subscribe(theirs)) => {
            assert_eq!(ours.id.get(), theirs.pkid);
            let names = theirs.filters.iter().map(|filter| filter.path.as_str());
            assert!(ours.filters.iter().map(|filter| filter.filter).eq(names));
        }
        (ours, theirs) => assert_eq!(ours.packet_type() as u8, their_type(&theirs), "{ours:?} {theirs:?}"),
    }
    true
}

fn their_type(packet: &theirs::Packet) -> u8 {
    match packet {
        theirs::Packet::Connect(..) => 1,
        theirs::Packet::ConnAck(_) => 2,
        theirs::Packet::Publish(_) => 3,
        theirs::Packet::PubAck(_) => 4,
        theirs::Packet::PubRec(_) => 5,
        theirs::Packet::PubRel(_) => 6,
        theirs::Packet::PubComp(_) => 7,
        theirs::Packet::Subscribe(_) => 8,
        theirs::Packet::SubAck(_) => 9,
        theirs::Packet::Unsubscribe(_) => 10,
        theirs::Packet::UnsubAck(_) => 11,
        theirs::Packet::PingReq(_) => 12,
        theirs::Packet::PingResp(_) => 13,
        theirs::Packet::Disconnect(_) => 14,
        theirs::Packet::Auth(_) => 15,
    }
}

#[test]
fn what_rumqttc_writes_is_read_here() {
    let mut publish = theirs::Publish::new("v1/a/up/live", mqttbytes::QoS::AtLeastOnce, &b"batch"[..], None);
    publish.pkid = 77;
    let connect =
        theirs::Connect { client_id: "car".to_owned(), keep_alive: 60, clean_start: true, properties: None };
    let filter = theirs::Filter::new("v1/a/down/#", mqttbytes::QoS::AtMostOnce);
    let mut subscribe = theirs::Subscribe::new(filter, None);
    subscribe.pkid = 3;
    for packet in [
        theirs::Packet::Publish(publish),
        theirs::Packet::Connect(connect, None, None),
        theirs::Packet::Subscribe(subscribe),
        theirs::Packet::PubAck(theirs::PubAck::new(9, None)),
    ] {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, None).unwrap();
        assert!(check_same(&bytes), "{packet:?}");
    }
}

proptest! {
    #[test]
    fn our_publishes_mean_the_same_to_rumqttc(topic in "[a-z/]{1,40}", number in 1_u16.., alias in 1_u16..16, payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let properties = PropertyBuf::new().with(Property::TopicAlias(alias)).unwrap();
        let publish = Publish { dup: false, qos: QoS::AtLeastOnce, retain: false, topic: &topic, id: Some(id(number)), properties: properties.as_properties(), payload: &payload };
        let mut bytes = Vec::new();
        Packet::Publish(publish).encode(&mut bytes).unwrap();
        prop_assert!(check_same(&bytes));
    }

    #[test]
    fn arbitrary_bytes_mean_the_same_to_rumqttc(kind in 1_u8..15, flags in 0_u8..16, bytes in proptest::collection::vec(prop_oneof![0_u8..8, any::<u8>()], 0..40)) {
        let mut framed = vec![kind << 4 | flags, u8::try_from(bytes.len()).unwrap()];
        framed.extend_from_slice(&bytes);
        check_same(&framed);
    }
}
