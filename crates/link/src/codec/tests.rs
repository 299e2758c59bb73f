use proptest::prelude::*;

use super::*;

mod peer;

const MAX: usize = 1 << 20;

fn one(bytes: &[u8]) -> Result<Packet<'_>, Violation> {
    let (packet, len) = decode(bytes, MAX)?.expect("the packet is whole");
    assert_eq!(len, bytes.len());
    Ok(packet)
}

#[track_caller]
fn check_refused(bytes: &[u8], reason: ReasonCode) {
    assert_eq!(one(bytes).unwrap_err().reason, reason);
}

#[track_caller]
fn check_round_trip(packet: &Packet<'_>) {
    let mut bytes = Vec::new();
    packet.encode(&mut bytes).unwrap();
    assert_eq!(one(&bytes).unwrap(), *packet);
    for cut in 0..bytes.len() {
        assert_eq!(decode(&bytes[..cut], MAX), Ok(None), "cut at {cut}");
    }
}

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

/// Section 1.5.5.
#[test]
fn a_variable_byte_integer_has_the_length_that_it_needs() {
    for (value, bytes) in [
        (0, &[0x00][..]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xff, 0x7f]),
        (16_384, &[0x80, 0x80, 0x01]),
        (2_097_151, &[0xff, 0xff, 0x7f]),
        (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
        (268_435_455, &[0xff, 0xff, 0xff, 0x7f]),
    ] {
        let mut written = Vec::new();
        encode::varint(&mut written, usize::try_from(value).unwrap()).unwrap();
        assert_eq!(written, bytes);
        assert_eq!(reader::varint(bytes), Ok(Some((value, bytes.len()))));
    }
    assert!(encode::varint(&mut Vec::new(), REMAINING_LENGTH_MAX + 1).is_err());
}

#[test]
fn a_variable_byte_integer_with_padding_or_a_fifth_byte_is_malformed() {
    for bytes in
        [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0x80, 0x80, 0x80, 0x80], &[0xff, 0xff, 0xff, 0xff]]
    {
        assert_eq!(reader::varint(bytes).unwrap_err().reason, ReasonCode::MalformedPacket, "{bytes:?}");
    }
}

/// Section 1.5.4.
#[test]
fn a_string_is_well_formed_utf8_without_nul() {
    let publish = |topic: &[u8]| {
        let mut bytes =
            vec![0x30, u8::try_from(topic.len() + 3).unwrap(), 0, u8::try_from(topic.len()).unwrap()];
        bytes.extend_from_slice(topic);
        bytes.push(0);
        bytes
    };
    assert!(one(&publish("A𪛔".as_bytes())).is_ok());
    assert!(one(&publish(b"\xEF\xBB\xBFa")).is_ok(), "a byte order mark is a character like others");
    for bad in [&b"\xED\xA0\x80"[..], b"a\0b", b"\xFF", b"\xC0\x80"] {
        check_refused(&publish(bad), ReasonCode::MalformedPacket);
    }
}

/// Section 2.1.
#[test]
fn the_fixed_header_is_checked_before_the_rest_arrives() {
    for bytes in [&[0x00][..], &[0x0f], &[0x11], &[0x41], &[0x60], &[0x80], &[0xa0], &[0xc1], &[0xe8]] {
        assert_eq!(header(bytes, MAX).unwrap_err().reason, ReasonCode::MalformedPacket, "{bytes:?}");
    }
    let too_large = header(&[0x30, 0x80, 0x80, 0x01], 16_384).unwrap_err();
    assert_eq!(too_large.reason, ReasonCode::PacketTooLarge);
    assert_eq!(header(&[0x30, 0x80, 0x80, 0x01], 16_388).unwrap().unwrap().packet_bytes, 16_388);
    assert_eq!(header(&[0x30, 0x80], MAX), Ok(None));
}

/// Section 2.2.1.
#[test]
fn a_packet_identifier_is_never_zero() {
    for bytes in [&[0x40, 2, 0, 0][..], &[0x32, 6, 0, 1, b'a', 0, 0, 0], &[0x82, 7, 0, 0, 0, 0, 1, b'a', 0]] {
        check_refused(bytes, ReasonCode::ProtocolError);
    }
}

/// Section 2.2.2.
#[test]
fn properties_stand_where_they_may_and_once() {
    // A PUBACK with: a receive maximum; two reason strings; an unknown identifier; a cut value.
    check_refused(&[0x40, 7, 0, 1, 0, 3, 0x21, 0, 1], ReasonCode::ProtocolError);
    check_refused(&[0x40, 10, 0, 1, 0, 6, 0x1f, 0, 0, 0x1f, 0, 0], ReasonCode::ProtocolError);
    check_refused(&[0x40, 6, 0, 1, 0, 2, 0x7f, 0], ReasonCode::MalformedPacket);
    check_refused(&[0x40, 6, 0, 1, 0, 2, 0x1f, 0], ReasonCode::MalformedPacket);
    // User properties may stand twice.
    assert!(one(&[0x40, 14, 0, 1, 0, 10, 0x26, 0, 0, 0, 0, 0x26, 0, 0, 0, 0]).is_ok());
    // A topic alias of 0 has a reason code of its own (3.3.2.3.4).
    check_refused(&[0x30, 7, 0, 1, b'a', 3, 0x23, 0, 0], ReasonCode::TopicAliasInvalid);
    // Authentication data needs a method (3.1.2.11.10).
    check_refused(&[0xf0, 5, 0x18, 3, 0x16, 0, 0], ReasonCode::ProtocolError);
    // A flag is 0 or 1.
    check_refused(&[0x30, 6, 0, 1, b'a', 2, 0x01, 2], ReasonCode::ProtocolError);
}

/// Section 3.1.
#[test]
fn a_connect_is_of_mqtt_5() {
    let connect = |flags: u8| vec![0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 5, flags, 0, 60, 0, 0, 0];
    assert!(one(&connect(0b10)).is_ok());
    check_refused(&connect(0b11), ReasonCode::MalformedPacket);
    check_refused(&connect(0b0001_0000), ReasonCode::MalformedPacket);
    check_refused(&connect(0b0010_0000), ReasonCode::MalformedPacket);
    check_refused(&connect(0b0001_1100), ReasonCode::MalformedPacket);
    for (place, byte) in [(8, 4), (4, b'm')] {
        let mut old = connect(0b10);
        old[place] = byte;
        check_refused(&old, ReasonCode::UnsupportedProtocolVersion);
    }
    let mut trailing = connect(0b10);
    trailing[1] += 1;
    trailing.push(0);
    check_refused(&trailing, ReasonCode::MalformedPacket);
}

/// Section 3.2.
#[test]
fn a_connack_is_checked() {
    assert!(one(&[0x20, 3, 0, 0, 0]).is_ok());
    check_refused(&[0x20, 3, 2, 0, 0], ReasonCode::MalformedPacket);
    check_refused(&[0x20, 3, 0, 0x04, 0], ReasonCode::ProtocolError);
    check_refused(&[0x20, 3, 1, 0x87, 0], ReasonCode::ProtocolError);
}

/// Section 3.3.
#[test]
fn a_publish_is_checked() {
    check_refused(&[0x36, 6, 0, 1, b'a', 0, 1, 0], ReasonCode::MalformedPacket);
    check_refused(&[0x38, 4, 0, 1, b'a', 0], ReasonCode::MalformedPacket);
    check_refused(&[0x30, 4, 0, 1, b'#', 0], ReasonCode::TopicNameInvalid);
    check_refused(&[0x30, 4, 0, 1, b'+', 0], ReasonCode::TopicNameInvalid);
    check_refused(&[0x30, 3, 0, 0, 0], ReasonCode::ProtocolError);
    assert!(one(&[0x30, 6, 0, 0, 3, 0x23, 0, 1]).is_ok());
}

/// Sections 3.4 to 3.7, 3.14 and 3.15.
#[test]
fn a_short_acknowledgement_is_a_success() {
    let expected = Ack { id: id(7), reason: ReasonCode::Success, properties: Properties::EMPTY };
    assert_eq!(one(&[0x40, 2, 0, 7]), Ok(Packet::PubAck(expected)));
    assert_eq!(one(&[0x62, 3, 0, 7, 0]), Ok(Packet::PubRel(expected)));
    let normal = Disconnect { reason: ReasonCode::Success, properties: Properties::EMPTY };
    assert_eq!(one(&[0xe0, 0]), Ok(Packet::Disconnect(normal)));
    check_refused(&[0x40, 3, 0, 7, 0x8e], ReasonCode::ProtocolError);
    check_refused(&[0xe0, 1, 0x10], ReasonCode::ProtocolError);
}

/// Sections 3.8 and 3.10.
#[test]
fn a_subscription_is_checked() {
    check_refused(&[0x82, 3, 0, 1, 0], ReasonCode::ProtocolError);
    check_refused(&[0xa2, 3, 0, 1, 0], ReasonCode::ProtocolError);
    check_refused(&[0x82, 7, 0, 1, 0, 0, 1, b'a', 0x40], ReasonCode::MalformedPacket);
    check_refused(&[0x82, 7, 0, 1, 0, 0, 1, b'a', 0x03], ReasonCode::ProtocolError);
    check_refused(&[0x82, 7, 0, 1, 0, 0, 1, b'a', 0x30], ReasonCode::ProtocolError);
    check_refused(
        &[0x82, 16, 0, 1, 0, 0, 10, b'$', b's', b'h', b'a', b'r', b'e', b'/', b'g', b'/', b'a', 0x04],
        ReasonCode::ProtocolError,
    );
}

/// Section 4.7.
#[test]
fn topic_filters_follow_the_rules_of_wildcards() {
    for good in ["#", "+", "a/#", "+/a/+", "/", "a//b", "$share/g/a"] {
        assert!(decode::check_filter(good).is_ok(), "{good}");
    }
    for bad in ["", "a#", "#/a", "a+/b", "a/b#", "$share/g", "$share//a", "$share/+/a"] {
        assert_eq!(decode::check_filter(bad).unwrap_err().reason, ReasonCode::TopicFilterInvalid, "{bad}");
    }
}

#[test]
fn a_text_that_is_too_long_is_not_encoded_in_part() {
    let topic = "a".repeat(65_536);
    let mut out = vec![1, 2, 3];
    let will = Will {
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::EMPTY,
        topic: &topic,
        payload: &[],
    };
    let connect = Connect {
        clean_start: true,
        keep_alive_s: 0,
        properties: Properties::EMPTY,
        client_id: "",
        will: Some(will),
        user_name: None,
        password: None,
    };
    assert_eq!(Packet::Connect(connect).encode(&mut out), Err(Unencodable));
    assert_eq!(out, [1, 2, 3]);
}

fn properties() -> impl Strategy<Value = PropertyBuf> {
    proptest::collection::vec(("\\PC{0,12}", "\\PC{0,12}"), 0..4).prop_map(|pairs| {
        let mut properties = PropertyBuf::new();
        for (key, value) in &pairs {
            properties.push(Property::UserProperty((key, value))).unwrap();
        }
        properties
    })
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

proptest! {
    #[test]
    fn a_publish_comes_back_as_it_was(
        qos in qos(), dup: bool, retain: bool, topic in "[a-z/]{1,40}", number in 1_u16.., properties in properties(),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let publish = Publish {
            dup: dup && qos != QoS::AtMostOnce,
            qos,
            retain,
            topic: &topic,
            id: (qos != QoS::AtMostOnce).then_some(id(number)),
            properties: properties.as_properties(),
            payload: &payload,
        };
        check_round_trip(&Packet::Publish(publish));
    }

    #[test]
    fn a_connect_comes_back_as_it_was(
        clean_start: bool, keep_alive_s: u16, client_id in "\\PC{0,20}", user_name in proptest::option::of("\\PC{0,9}"),
        password in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9)),
        will in proptest::option::of((qos(), any::<bool>(), "[a-z/]{1,9}")), properties in properties(),
    ) {
        let connect = Connect {
            clean_start,
            keep_alive_s,
            properties: properties.as_properties(),
            client_id: &client_id,
            will: will.as_ref().map(|(qos, retain, topic)| Will {
                qos: *qos,
                retain: *retain,
                properties: Properties::EMPTY,
                topic,
                payload: b"gone",
            }),
            user_name: user_name.as_deref(),
            password: password.as_deref(),
        };
        check_round_trip(&Packet::Connect(connect));
    }

    #[test]
    fn answers_come_back_as_they_were(number in 1_u16.., properties in properties(), choice in 0_usize..ReasonCode::ALL.len()) {
        let reason = ReasonCode::ALL[choice];
        let fits = |packet| ReasonCode::from_byte(reason.byte(), packet).is_some();
        let properties = properties.as_properties();
        let ack = Ack { id: id(number), reason, properties };
        for (packet, kind) in [
            (Packet::PubAck(ack), PacketType::PubAck),
            (Packet::PubRec(ack), PacketType::PubRec),
            (Packet::PubRel(ack), PacketType::PubRel),
            (Packet::PubComp(ack), PacketType::PubComp),
            (Packet::ConnAck(ConnAck { session_present: false, reason, properties }), PacketType::ConnAck),
            (Packet::Disconnect(Disconnect { reason, properties }), PacketType::Disconnect),
            (Packet::Auth(Auth { reason, properties }), PacketType::Auth),
        ] {
            if fits(kind) {
                check_round_trip(&packet);
            }
        }
        let bytes = [reason.byte(), 0x80];
        if let Ok(reasons) = Reasons::parse(&bytes, PacketType::SubAck) {
            check_round_trip(&Packet::SubAck(SubAck { id: id(number), properties, reasons }));
        }
        if let Ok(reasons) = Reasons::parse(&bytes, PacketType::UnsubAck) {
            check_round_trip(&Packet::UnsubAck(SubAck { id: id(number), properties, reasons }));
        }
    }

    #[test]
    fn subscriptions_come_back_as_they_were(number in 1_u16.., filters in proptest::collection::vec(("[a-z/]{1,12}", qos(), any::<bool>(), 0_u8..3), 1..5)) {
        let mut payload = Vec::new();
        let mut names = Vec::new();
        for (filter, qos, flag, retain_handling) in &filters {
            SubscribeFilter { filter, qos: *qos, no_local: *flag, retain_as_published: !*flag, retain_handling: *retain_handling }
                .write(&mut payload)
                .unwrap();
            encode::binary(&mut names, filter.as_bytes()).unwrap();
        }
        let properties = Properties::EMPTY;
        let parsed = Filters::parse(&payload).unwrap();
        prop_assert_eq!(parsed.iter().count(), filters.len());
        check_round_trip(&Packet::Subscribe(Subscribe { id: id(number), properties, filters: parsed }));
        let topics = Topics::parse(&names).unwrap();
        prop_assert!(topics.iter().eq(filters.iter().map(|filter| filter.0.as_str())));
        check_round_trip(&Packet::Unsubscribe(Unsubscribe { id: id(number), properties, filters: topics }));
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 1_u8..16) {
        if let Ok(Some((packet, _))) = decode(&bytes, MAX) {
            check_round_trip_semantic(&packet);
        }
        // Half the bytes behind a valid header reach deeper.
        let mut framed = vec![kind << 4 | if matches!(kind, 6 | 8 | 10) { 2 } else { 0 }];
        encode::varint(&mut framed, bytes.len()).unwrap();
        framed.extend_from_slice(&bytes);
        if let Ok(Some((packet, _))) = decode(&framed, MAX) {
            check_round_trip_semantic(&packet);
        }
    }
}

/// What was decoded from other bytes is encoded to bytes that mean the same.
fn check_round_trip_semantic(packet: &Packet<'_>) {
    let mut bytes = Vec::new();
    packet.encode(&mut bytes).unwrap();
    assert_eq!(one(&bytes).unwrap(), *packet);
}
