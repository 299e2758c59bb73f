use std::time::{Duration, Instant};

use model::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::codec::{self, Connect, Filters, Topics, Will};

const CAR: VehicleId = VehicleId::from_bytes([0xab; 16]);
const OTHER: VehicleId = VehicleId::from_bytes([0xcd; 16]);

const NOW: Timestamp = Timestamp(1_767_225_600_000_000);

/// One clock for all: sessions only compare times.
fn start() -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; the tests only add to it")]
    *START.get_or_init(Instant::now)
}

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

/// A connection seen from its car.
struct Car {
    session: Session,
    limits: Limits,
    now: Instant,
    out: Vec<u8>,
}

impl Car {
    fn new() -> Self {
        let limits = Limits { receive_maximum: 3, ..Limits::default() };
        Self { session: Session::new(start(), Some(CAR), &limits), limits, now: start(), out: Vec::new() }
    }

    fn connected() -> Self {
        let mut car = Self::new();
        car.connect(&connect());
        car.out.clear();
        car
    }

    fn connect(&mut self, connect: &Connect<'_>) {
        let Ok(Some(Event::Connect(request))) = self.send(&Packet::Connect(*connect)) else {
            panic!("CONNECT is accepted")
        };
        self.session.accept(self.now, NOW, &request, &self.limits, &mut self.out);
    }

    fn send<'a>(&mut self, packet: &Packet<'a>) -> Result<Option<Event<'a>>, Violation> {
        self.session.handle_packet(self.now, *packet, &self.limits, &mut self.out)
    }

    fn publish(&mut self, topic: &str, number: u16) -> Result<Option<Event<'static>>, Violation> {
        let publish = publish(topic, number);
        let event =
            self.session.handle_packet(self.now, Packet::Publish(publish), &self.limits, &mut self.out);
        event.map(|event| {
            event.map(|event| match event {
                Event::Batch { id, lane, .. } => Event::Batch { id, lane, payload: &[] },
                Event::Report { id, .. } => Event::Report { id, payload: &[] },
                Event::Fetch { id, .. } => Event::Fetch { id, payload: &[] },
                Event::Connect(request) => Event::Connect(request),
                Event::Rejected { reason } => Event::Rejected { reason },
                Event::Subscribed => Event::Subscribed,
                Event::LinkCode { id, .. } => Event::LinkCode { id, payload: &[] },
                Event::Pong { .. } => Event::Pong { payload: &[] },
                Event::Goodbye { with_will } => Event::Goodbye { with_will },
            })
        })
    }

    /// What was sent to the car so far, in short.
    fn received(&mut self) -> Vec<String> {
        self.session.flush_acks(&mut self.out);
        let bytes = std::mem::take(&mut self.out);
        let mut rest = bytes.as_slice();
        let mut seen = Vec::new();
        while let Some((packet, len)) = codec::decode(rest, 1 << 20).unwrap() {
            rest = &rest[len..];
            seen.push(match packet {
                Packet::PubAck(ack) => format!("puback {} {:02x}", ack.id, ack.reason.byte()),
                Packet::ConnAck(connack) => format!("connack {:02x}", connack.reason.byte()),
                Packet::Disconnect(bye) => format!("disconnect {:02x}", bye.reason.byte()),
                Packet::SubAck(suback) => {
                    format!("suback {:02x?}", suback.reasons.iter().map(ReasonCode::byte).collect::<Vec<_>>())
                }
                Packet::UnsubAck(ack) => {
                    format!("unsuback {:02x?}", ack.reasons.iter().map(ReasonCode::byte).collect::<Vec<_>>())
                }
                Packet::Publish(publish) => format!("publish {}", publish.topic),
                Packet::Connect(_)
                | Packet::PubRec(_)
                | Packet::PubRel(_)
                | Packet::PubComp(_)
                | Packet::Subscribe(_)
                | Packet::Unsubscribe(_)
                | Packet::PingReq
                | Packet::PingResp
                | Packet::Auth(_) => format!("{:?}", packet.packet_type()).to_lowercase(),
            });
        }
        assert!(rest.is_empty());
        seen
    }

    #[track_caller]
    fn check_refused(&mut self, packet: &Packet<'_>, reason: ReasonCode) {
        let violation = self.send(packet).unwrap_err();
        assert_eq!(violation.reason, reason);
        let was_connected = self.session.is_connected();
        self.session.fail(violation, &mut self.out);
        let word = if was_connected { "disconnect" } else { "connack" };
        assert_eq!(self.received(), [format!("{word} {:02x}", reason.byte())]);
    }
}

fn connect() -> Connect<'static> {
    Connect {
        clean_start: true,
        keep_alive_s: 60,
        properties: Properties::EMPTY,
        client_id: "",
        will: None,
        user_name: None,
        password: None,
    }
}

fn publish(topic: &str, number: u16) -> Publish<'_> {
    Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic,
        id: Some(id(number)),
        properties: Properties::EMPTY,
        payload: b"batch",
    }
}

fn bulk() -> String {
    Topic::Up(Lane::Bulk).of(CAR)
}

#[test]
fn connack_announces_every_limit() {
    let mut car = Car::new();
    car.connect(&Connect { keep_alive_s: 0, ..connect() });
    let bytes = car.out.clone();
    let Some((Packet::ConnAck(connack), _)) = codec::decode(&bytes, 1 << 20).unwrap() else { panic!() };
    assert!(!connack.session_present);
    let id = CAR.to_string();
    let announced: Vec<_> = connack.properties.iter().collect();
    assert_eq!(
        announced,
        [
            Property::SessionExpiryInterval(0),
            Property::ReceiveMaximum(3),
            // A flag in our codec: the maximum QoS is 1.
            Property::MaximumQoS(true),
            Property::RetainAvailable(false),
            Property::MaximumPacketSize(u32::try_from(Limits::default().packet_bytes_max).unwrap()),
            Property::TopicAliasMaximum(16),
            Property::SubscriptionIdentifierAvailable(false),
            Property::SharedSubscriptionAvailable(false),
            Property::ServerKeepAlive(300),
            Property::AssignedClientIdentifier(&id),
            Property::UserProperty(("time_us", "1767225600000000")),
        ]
    );
}

#[test]
fn a_car_that_takes_short_packets_only_is_not_told_the_time() {
    let mut properties = PropertyBuf::new();
    properties.push(Property::MaximumPacketSize(127)).unwrap();
    let mut car = Car::new();
    car.connect(&Connect { properties: properties.as_properties(), ..connect() });
    assert!(car.out.len() <= 127);
    let Some((Packet::ConnAck(connack), _)) = codec::decode(&car.out, 1 << 20).unwrap() else { panic!() };
    assert!(!connack.properties.iter().any(|property| matches!(property, Property::UserProperty(_))));
}

#[test]
fn the_client_identifier_is_empty_or_the_certificates() {
    let other = OTHER.to_string();
    Car::new().check_refused(
        &Packet::Connect(Connect { client_id: &other, ..connect() }),
        ReasonCode::ClientIdentifierNotValid,
    );
    let own = CAR.to_string();
    Car::new().connect(&Connect { client_id: &own, ..connect() });
    let mut plain = Car { session: Session::new(start(), None, &Limits::default()), ..Car::new() };
    plain.check_refused(&Packet::Connect(connect()), ReasonCode::ClientIdentifierNotValid);
}

#[test]
fn a_connect_that_asks_for_what_we_lack_is_refused() {
    let with = |user_name, password| Packet::Connect(Connect { user_name, password, ..connect() });
    Car::new().check_refused(&with(Some("car"), None), ReasonCode::BadUserNameOrPassword);
    Car::new().check_refused(&with(None, Some(&b"secret"[..])), ReasonCode::BadUserNameOrPassword);
    let method = PropertyBuf::new().with(Property::AuthenticationMethod("SCRAM")).unwrap();
    let properties = method.as_properties();
    Car::new().check_refused(
        &Packet::Connect(Connect { properties, ..connect() }),
        ReasonCode::BadAuthenticationMethod,
    );
    Car::new().check_refused(&Packet::PingReq, ReasonCode::ProtocolError);
}

#[test]
fn a_will_is_noted_but_must_obey_the_rules() {
    let topic = format!("v1/{CAR}/will");
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: Properties::EMPTY,
        topic: &topic,
        payload: b"",
    };
    let with = |will| Connect { will: Some(will), ..connect() };
    let mut car = Car::new();
    car.connect(&with(will));
    assert!(car.session.has_will());
    let refused = |will, reason| Car::new().check_refused(&Packet::Connect(with(will)), reason);
    refused(Will { qos: QoS::ExactlyOnce, ..will }, ReasonCode::QoSNotSupported);
    refused(Will { retain: true, ..will }, ReasonCode::RetainNotSupported);
    let foreign = format!("v1/{OTHER}/will");
    refused(Will { topic: &foreign, ..will }, ReasonCode::TopicNameInvalid);
}

#[test]
fn a_will_is_void_after_a_normal_goodbye() {
    let topic = format!("v1/{CAR}/will");
    let will = Will {
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Properties::EMPTY,
        topic: &topic,
        payload: b"",
    };
    for (reason, with_will) in [(ReasonCode::Success, false), (ReasonCode::DisconnectWithWill, true)] {
        let mut car = Car::new();
        car.connect(&Connect { will: Some(will), ..connect() });
        let bye = Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY });
        assert_eq!(car.send(&bye), Ok(Some(Event::Goodbye { with_will })));
    }
}

#[test]
fn a_second_connect_is_a_protocol_error() {
    Car::connected().check_refused(&Packet::Connect(connect()), ReasonCode::ProtocolError);
}

#[test]
fn publishes_mean_batches_reports_fetches_and_codes() {
    for (topic, number, event) in [
        (Topic::Up(Lane::Live), 1, Event::Batch { id: id(1), lane: Lane::Live, payload: &[] }),
        (Topic::Report, 2, Event::Report { id: id(2), payload: &[] }),
        (Topic::Fetch, 3, Event::Fetch { id: id(3), payload: &[] }),
        (Topic::LinkCode, 4, Event::LinkCode { id: id(4), payload: &[] }),
    ] {
        assert_eq!(Car::connected().publish(&topic.of(CAR), number), Ok(Some(event)));
    }
}

#[test]
fn acknowledgements_leave_in_the_order_of_the_messages() {
    let mut car = Car::connected();
    for number in 1..=3 {
        car.publish(&bulk(), number).unwrap();
    }
    car.session.rejected(id(2), ReasonCode::QuotaExceeded, "too much");
    car.session.taken(id(3));
    assert_eq!(car.received(), Vec::<String>::new());
    car.session.taken(id(1));
    assert_eq!(car.received(), ["puback 1 00", "puback 2 97", "puback 3 00"]);
    assert_eq!(car.session.in_flight(), 0);
}

#[test]
fn another_cars_topic_is_refused_without_closing() {
    let mut car = Car::connected();
    let event = car.publish(&Topic::Up(Lane::Bulk).of(OTHER), 1);
    assert_eq!(event, Ok(Some(Event::Rejected { reason: ReasonCode::NotAuthorized })));
    assert_eq!(car.received(), ["puback 1 87"]);
    assert!(car.session.is_connected());
}

#[test]
fn what_breaks_the_rules_of_publishing_closes() {
    let topic = bulk();
    let own = publish(&topic, 1);
    for (publish, reason) in [
        (Publish { qos: QoS::ExactlyOnce, ..own }, ReasonCode::QoSNotSupported),
        (Publish { qos: QoS::AtMostOnce, id: None, ..own }, ReasonCode::ImplementationSpecific),
        (Publish { retain: true, ..own }, ReasonCode::RetainNotSupported),
        (Publish { topic: "elsewhere", ..own }, ReasonCode::TopicNameInvalid),
        (Publish { topic: &Topic::Hint.of(CAR), ..own }, ReasonCode::TopicNameInvalid),
    ] {
        Car::connected().check_refused(&Packet::Publish(publish), reason);
    }
}

#[test]
fn more_in_flight_than_the_receive_maximum_closes() {
    let mut car = Car::connected();
    for number in 1..=3 {
        car.publish(&bulk(), number).unwrap();
    }
    car.check_refused(&Packet::Publish(publish(&bulk(), 4)), ReasonCode::ReceiveMaximumExceeded);
}

#[test]
fn a_packet_identifier_in_flight_is_not_used_again() {
    let mut car = Car::connected();
    car.publish(&bulk(), 1).unwrap();
    car.check_refused(&Packet::Publish(publish(&bulk(), 1)), ReasonCode::ProtocolError);
}

#[test]
fn a_topic_alias_stands_for_the_topic_that_set_it() {
    let mut car = Car::connected();
    let alias = |number| PropertyBuf::new().with(Property::TopicAlias(number)).unwrap();
    let (five, last, beyond) = (alias(5), alias(16), alias(17));
    let topic = bulk();
    let with =
        |topic, number, alias| Packet::Publish(Publish { properties: alias, ..publish(topic, number) });
    assert!(car.send(&with(&topic, 1, five.as_properties())).is_ok());
    let event = car.send(&with("", 2, five.as_properties())).unwrap();
    assert!(matches!(event, Some(Event::Batch { lane: Lane::Bulk, .. })));
    car.check_refused(&with("", 3, last.as_properties()), ReasonCode::TopicAliasInvalid);
    Car::connected().check_refused(&with(&topic, 1, beyond.as_properties()), ReasonCode::TopicAliasInvalid);
}

#[test]
fn only_the_cars_own_down_topics_are_granted() {
    let mut car = Car::connected();
    let down = down_filter(CAR);
    let mut payload = Vec::new();
    let (hint, other) = (Topic::Hint.of(CAR), down_filter(OTHER));
    let (shared, all_of_ours) = (format!("$share/g/{down}"), format!("v1/{CAR}/#"));
    for filter in [down.as_str(), &hint, &other, &shared, &all_of_ours, "#"] {
        SubscribeFilter {
            filter,
            qos: QoS::AtLeastOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
        }
        .write(&mut payload)
        .unwrap();
    }
    let filters = Filters::parse(&payload).unwrap();
    let subscribe = Subscribe { id: id(1), properties: Properties::EMPTY, filters };
    assert_eq!(car.session.publish(Topic::Hint, &[], &mut Vec::new()), Err(Undeliverable::NotSubscribed));
    assert_eq!(car.send(&Packet::Subscribe(subscribe)), Ok(Some(Event::Subscribed)));
    assert_eq!(car.received(), ["suback [00, 8f, 87, 9e, a2, 87]"]);
    car.session.publish(Topic::Hint, &[], &mut car.out).unwrap();
    assert_eq!(car.received(), [format!("publish {hint}")]);
}

#[test]
fn nothing_goes_down_after_unsubscribing() {
    let mut car = Car::connected();
    let mut payload = Vec::new();
    let down = down_filter(CAR);
    SubscribeFilter {
        filter: &down,
        qos: QoS::AtMostOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
    }
    .write(&mut payload)
    .unwrap();
    let filters = Filters::parse(&payload).unwrap();
    car.send(&Packet::Subscribe(Subscribe { id: id(1), properties: Properties::EMPTY, filters })).unwrap();
    let mut names = u16::try_from(down.len()).unwrap().to_be_bytes().to_vec();
    names.extend_from_slice(down.as_bytes());
    names.extend_from_slice(&[0, 1, b'x']);
    let filters = Topics::parse(&names).unwrap();
    car.received();
    car.send(&Packet::Unsubscribe(Unsubscribe { id: id(2), properties: Properties::EMPTY, filters }))
        .unwrap();
    assert_eq!(car.received(), ["unsuback [00, 11]"]);
    assert!(!car.session.is_subscribed());
}

#[test]
fn a_subscription_identifier_closes() {
    let properties = PropertyBuf::new().with(Property::SubscriptionIdentifier(1)).unwrap();
    let mut payload = Vec::new();
    SubscribeFilter {
        filter: "a",
        qos: QoS::AtMostOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
    }
    .write(&mut payload)
    .unwrap();
    let subscribe = Subscribe {
        id: id(1),
        properties: properties.as_properties(),
        filters: Filters::parse(&payload).unwrap(),
    };
    Car::connected()
        .check_refused(&Packet::Subscribe(subscribe), ReasonCode::SubscriptionIdentifiersNotSupported);
}

#[test]
fn a_packet_larger_than_the_car_takes_is_not_sent() {
    let properties = PropertyBuf::new().with(Property::MaximumPacketSize(64)).unwrap();
    let mut car = Car::new();
    car.connect(&Connect { properties: properties.as_properties(), ..connect() });
    let mut payload = Vec::new();
    let down = down_filter(CAR);
    SubscribeFilter {
        filter: &down,
        qos: QoS::AtMostOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
    }
    .write(&mut payload)
    .unwrap();
    let filters = Filters::parse(&payload).unwrap();
    car.send(&Packet::Subscribe(Subscribe { id: id(1), properties: Properties::EMPTY, filters })).unwrap();
    let result = car.session.publish(Topic::Notice, &[0; 64], &mut Vec::new());
    assert_eq!(result, Err(Undeliverable::TooLarge { bytes_max: 64 }));
}

#[test]
fn silence_of_one_and_a_half_keep_alives_ends_the_connection() {
    let mut car = Car::connected();
    car.now += Duration::from_secs(30);
    car.send(&Packet::PingReq).unwrap();
    assert_eq!(car.received(), ["pingresp"]);
    let due = car.now + Duration::from_secs(90);
    assert_eq!(car.session.deadline(), due);
    assert_eq!(car.session.handle_timeout(due - Duration::from_millis(1), &mut car.out), None);
    let violation = car.session.handle_timeout(due, &mut car.out).unwrap();
    assert_eq!(violation.reason, ReasonCode::KeepAliveTimeout);
    assert_eq!(car.received(), ["disconnect 8d"]);
}

#[test]
fn a_connection_without_connect_ends_silently() {
    let mut car = Car::new();
    let due = start() + Limits::default().connect_timeout;
    assert!(car.session.handle_timeout(due, &mut car.out).is_some());
    assert_eq!(car.received(), Vec::<String>::new());
}

#[test]
fn problem_texts_are_left_out_on_request() {
    let properties = PropertyBuf::new().with(Property::RequestProblemInformation(false)).unwrap();
    let mut car = Car::new();
    car.connect(&Connect { properties: properties.as_properties(), ..connect() });
    car.out.clear();
    car.publish(&bulk(), 1).unwrap();
    car.session.rejected(id(1), ReasonCode::QuotaExceeded, "too much");
    car.session.flush_acks(&mut car.out);
    assert_eq!(car.out, [0x40, 3, 0, 1, 0x97]);
}

proptest! {
    #[test]
    fn any_packets_are_answered_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), kinds in proptest::collection::vec(0_u8..=255, 1..20)) {
        let mut car = Car::connected();
        let mut rest = bytes.as_slice();
        for kind in kinds {
            let (body, tail) = rest.split_at(usize::from(kind % 24).min(rest.len()));
            rest = tail;
            let mut framed = vec![kind, u8::try_from(body.len()).unwrap()];
            framed.extend_from_slice(body);
            if let Ok(Some((packet, _))) = codec::decode(&framed, 1 << 20)
                && let Err(violation) = car.send(&packet)
            {
                car.session.fail(violation, &mut car.out);
                break;
            }
            prop_assert!(car.session.in_flight() <= 3);
        }
        car.received();
    }
}

#[test]
fn a_pong_is_of_qos_0_and_any_other_message_of_qos_0_is_a_violation() {
    let mut car = Car::connected();
    let topic = Topic::Pong.of(CAR);
    let pong = Publish { qos: QoS::AtMostOnce, id: None, payload: b"12345678", ..publish(&topic, 1) };
    let event = car.send(&Packet::Publish(pong)).unwrap();
    assert_eq!(event, Some(Event::Pong { payload: b"12345678" }));
    assert_eq!(car.received(), Vec::<String>::new());
    car.check_refused(
        &Packet::Publish(Publish { qos: QoS::AtLeastOnce, id: Some(id(2)), ..pong }),
        ReasonCode::TopicNameInvalid,
    );
    let mut car = Car::connected();
    let foreign = Topic::Pong.of(VehicleId::from_bytes([9; 16]));
    let pong = Publish { topic: &foreign, ..pong };
    car.check_refused(&Packet::Publish(pong), ReasonCode::ImplementationSpecific);
}

#[test]
fn a_connect_that_is_put_off_is_not_given_up_before() {
    let mut car = Car::new();
    assert!(matches!(car.send(&Packet::Connect(connect())), Ok(Some(Event::Connect(_)))));
    let until = car.now + Duration::from_secs(60);
    car.session.put_off(until, &car.limits);
    assert!(car.session.deadline() > until);
    assert_eq!(car.session.handle_timeout(until, &mut car.out), None);
}
