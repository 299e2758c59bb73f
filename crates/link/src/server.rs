//! The cloud's side of a connection, as a pure state machine.
//!
//! It is given packets and the time, appends what is to be sent to a buffer of the caller, and says
//! what the caller must decide. PUBACKs leave in the order in which their messages came (4.6).

mod acks;
mod connect;
mod limits;

use std::time::{Duration, Instant};

use model::{Lane, VehicleId};
use wire::topic::{Topic, down_filter};

use crate::codec::{
    Disconnect, Packet, PacketId, PacketType, Properties, Property, PropertyBuf, Publish, QoS, ReasonCode,
    Reasons, SubAck, Subscribe, SubscribeFilter, Unsubscribe, Violation, publish_head,
};

use acks::Acks;
pub use connect::{ConnectRequest, refuse};
pub use limits::Limits;

/// What the caller must decide or note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Answer with [`Session::accept`], or [`refuse`] and close. Feed no packet before.
    Connect(ConnectRequest),
    /// Answer with [`Session::taken`] when it is durable, or [`Session::rejected`].
    Batch { id: PacketId, lane: Lane, payload: &'a [u8] },
    /// Answer as a batch.
    Report { id: PacketId, payload: &'a [u8] },
    /// Answer as a batch, and with [`Session::publish`].
    Fetch { id: PacketId, payload: &'a [u8] },
    /// Answer as a batch.
    LinkCode { id: PacketId, payload: &'a [u8] },
    /// The car answered a ping; nothing to answer.
    Pong { payload: &'a [u8] },
    /// A message was rejected; flush the acknowledgements.
    Rejected { reason: ReasonCode },
    /// The car listens under `down/` from now on.
    Subscribed,
    /// The car says goodbye; close. Its will is void unless it says so.
    Goodbye { with_will: bool },
}

/// Why something cannot be published to a car.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undeliverable {
    #[error("the car does not subscribe to `down/#`")]
    NotSubscribed,
    #[error("the car takes packets of at most {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Waits for CONNECT.
    New,
    /// CONNECT was read; the caller asks whether the car may enter.
    Asked,
    Connected,
    Closed,
}

/// One connection of one car. It holds no buffer; an idle one takes some 200 bytes.
#[derive(Debug)]
pub struct Session {
    state: State,
    vehicle: Option<VehicleId>,
    acks: Acks,
    aliases: Option<Box<Aliases>>,
    deadline: Instant,
    keep_alive: Duration,
    /// What the car takes (3.1.2.11.4).
    packet_bytes_max: usize,
    subscribed: bool,
    will: bool,
    tells_problems: bool,
}

/// What a topic name means to a car.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Batch(Lane),
    Report,
    Fetch,
    LinkCode,
    /// Of QoS 0 alone: an answer that comes late is worth nothing.
    Pong,
    /// A topic that another car publishes to.
    Foreign,
    /// Not a topic that a car publishes to.
    Unknown,
}

/// What each topic alias stands for; [`Meaning`] is all that a topic is to us.
type Aliases = [Option<Meaning>; Limits::TOPIC_ALIAS_MAX as usize];

impl Session {
    /// `vehicle` is who the certificate says it is; without one the client identifier says it.
    pub fn new(now: Instant, vehicle: Option<VehicleId>, limits: &Limits) -> Self {
        Self {
            state: State::New,
            vehicle,
            acks: Acks::new(),
            aliases: None,
            deadline: now + limits.connect_timeout,
            keep_alive: Duration::ZERO,
            packet_bytes_max: usize::MAX,
            subscribed: false,
            will: false,
            tells_problems: true,
        }
    }

    /// Sets who the certificate says it is; for a session that began before the handshake's end.
    pub fn identify(&mut self, vehicle: VehicleId) {
        self.vehicle = Some(vehicle);
    }

    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// Whether a lost connection leaves a will behind. Nothing publishes it; it is noted.
    pub fn has_will(&self) -> bool {
        self.will
    }

    pub fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    /// Messages that wait for their PUBACK.
    pub fn in_flight(&self) -> usize {
        self.acks.len()
    }

    /// When [`Session::handle_timeout`] is due. It moves with every packet.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The caller did not read for a while, so the car's silence says nothing: starts anew.
    pub fn restart_keep_alive(&mut self, now: Instant) {
        if self.state == State::Connected {
            self.deadline = now + self.keep_alive;
        }
    }

    /// CONNECT is answered only after `until`, since something has to be found out.
    pub fn put_off(&mut self, until: Instant, limits: &Limits) {
        if self.state == State::Asked {
            self.deadline = until + limits.connect_timeout;
        }
    }

    /// Takes the next packet. On a violation call [`Session::fail`] and close.
    pub fn handle_packet<'a>(
        &mut self,
        now: Instant,
        packet: Packet<'a>,
        limits: &Limits,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Violation> {
        match self.state {
            State::New => return self.handle_connect(&packet, limits).map(Some),
            State::Connected => self.deadline = now + self.keep_alive,
            State::Asked | State::Closed => return Ok(None),
        }
        match packet {
            Packet::Publish(publish) => self.handle_publish(&publish, limits).map(Some),
            Packet::Subscribe(subscribe) => self.handle_subscribe(&subscribe, out),
            Packet::Unsubscribe(unsubscribe) => {
                self.handle_unsubscribe(&unsubscribe, out);
                Ok(None)
            }
            Packet::PingReq => {
                append(out, &Packet::PingResp);
                Ok(None)
            }
            Packet::Disconnect(disconnect) => self.handle_disconnect(&disconnect).map(Some),
            Packet::Connect(_) => Err(Violation::protocol("a second CONNECT on one connection")),
            Packet::Auth(_) => Err(Violation::protocol("AUTH without an authentication method")),
            Packet::PubAck(_) | Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_) => {
                Err(Violation::protocol("an acknowledgement of a message that was never sent"))
            }
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                Err(Violation::protocol("a packet that only a server sends"))
            }
        }
    }

    /// Appends the packet that tells a violation: CONNACK before the connection stands, DISCONNECT
    /// after. Close when it is sent.
    pub fn fail(&mut self, violation: Violation, out: &mut Vec<u8>) {
        match self.state {
            State::New | State::Asked => refuse(connack_reason(violation.reason), violation.what, out),
            State::Connected => self.disconnect(violation.reason, violation.what, out),
            State::Closed => {}
        }
        self.state = State::Closed;
    }

    /// Appends a DISCONNECT if the connection stands. Close when it is sent.
    pub fn disconnect(&mut self, reason: ReasonCode, what: &str, out: &mut Vec<u8>) {
        if self.state == State::Connected {
            let properties = reason_string(what, out.len(), self.packet_bytes_max);
            append(out, &Packet::Disconnect(Disconnect { reason, properties: properties.as_properties() }));
        }
        self.state = State::Closed;
    }

    /// Call at [`Session::deadline`]; `Some` says why the connection is over. Close then.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Violation> {
        if now < self.deadline {
            return None;
        }
        let violation = match self.state {
            State::New => Violation::protocol("no CONNECT came in time"),
            State::Connected => Violation::new(
                ReasonCode::KeepAliveTimeout,
                "nothing came for one and a half times the keep alive",
            ),
            State::Asked => {
                let violation = Violation::new(
                    ReasonCode::ServerUnavailable,
                    "the registry does not answer; try again later",
                );
                self.fail(violation, out);
                return Some(violation);
            }
            State::Closed => return None,
        };
        // Before CONNECT a server that closes says nothing (4.13).
        if self.state == State::Connected {
            self.disconnect(violation.reason, violation.what, out);
        }
        self.state = State::Closed;
        Some(violation)
    }

    /// The message is where it shall be. Call [`Session::flush_acks`] when all of a tick are told.
    pub fn taken(&mut self, id: PacketId) {
        self.acks.resolve(id, ReasonCode::Success, "");
    }

    /// The message is refused for good: `reason` is a failure, `what` says what to do about it.
    pub fn rejected(&mut self, id: PacketId, reason: ReasonCode, what: &'static str) {
        self.acks.resolve(id, reason, if self.tells_problems { what } else { "" });
    }

    /// Appends the PUBACKs whose turn it is.
    pub fn flush_acks(&mut self, out: &mut Vec<u8>) {
        self.acks.flush(self.packet_bytes_max, out);
    }

    /// Appends a PUBLISH of QoS 0 to a topic under `down/`.
    pub fn publish(&self, topic: Topic, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Undeliverable> {
        let Some(vehicle) = self.vehicle.filter(|_| self.subscribed) else {
            return Err(Undeliverable::NotSubscribed);
        };
        let topic = topic.of(vehicle);
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: &topic,
            id: None,
            properties: Properties::EMPTY,
            payload: &[],
        };
        let start = out.len();
        let too_large = Undeliverable::TooLarge { bytes_max: self.packet_bytes_max };
        publish_head(out, &publish, payload.len()).map_err(|_| too_large)?;
        if out.len() - start + payload.len() > self.packet_bytes_max {
            out.truncate(start);
            return Err(too_large);
        }
        out.extend_from_slice(payload);
        Ok(())
    }

    fn handle_publish<'a>(&mut self, publish: &Publish<'a>, limits: &Limits) -> Result<Event<'a>, Violation> {
        if publish.retain {
            return Err(Violation::new(ReasonCode::RetainNotSupported, "nothing is retained here"));
        }
        let id = match (publish.qos, publish.id) {
            (QoS::AtLeastOnce, Some(id)) => id,
            (QoS::AtMostOnce, None) if self.meaning(publish)? == Meaning::Pong => {
                return Ok(Event::Pong { payload: publish.payload });
            }
            (QoS::AtMostOnce | QoS::AtLeastOnce, _) => {
                return Err(Violation::new(
                    ReasonCode::ImplementationSpecific,
                    "publish with QoS 1: what is sent with QoS 0 can be lost",
                ));
            }
            (QoS::ExactlyOnce, _) => {
                return Err(Violation::new(ReasonCode::QoSNotSupported, "the maximum QoS is 1"));
            }
        };
        if self.acks.len() >= usize::from(limits.receive_maximum) {
            return Err(Violation::new(
                ReasonCode::ReceiveMaximumExceeded,
                "more messages in flight than CONNACK allows",
            ));
        }
        let meaning = self.meaning(publish)?;
        if matches!(meaning, Meaning::Unknown | Meaning::Pong) {
            return Err(Violation::new(
                ReasonCode::TopicNameInvalid,
                "publish to up/<lane>, report, fetch or link-code under v1/<vehicle>/",
            ));
        }
        self.acks.open(id)?;
        let payload = publish.payload;
        Ok(match meaning {
            Meaning::Batch(lane) => Event::Batch { id, lane, payload },
            Meaning::Report => Event::Report { id, payload },
            Meaning::Fetch => Event::Fetch { id, payload },
            Meaning::LinkCode => Event::LinkCode { id, payload },
            Meaning::Foreign | Meaning::Pong | Meaning::Unknown => {
                self.rejected(id, ReasonCode::NotAuthorized, "the topic is of another car");
                Event::Rejected { reason: ReasonCode::NotAuthorized }
            }
        })
    }

    /// What the topic or its alias means (3.3.2.3.4).
    fn meaning(&mut self, publish: &Publish<'_>) -> Result<Meaning, Violation> {
        const INVALID: Violation =
            Violation::new(ReasonCode::TopicAliasInvalid, "a topic alias above the maximum or never set");
        let vehicle = self.connected_vehicle();
        let mut alias = None;
        if !publish.properties.is_empty() {
            for property in publish.properties.iter() {
                if let Property::TopicAlias(number) = property {
                    alias = Some(usize::from(number) - 1);
                }
                if matches!(property, Property::SubscriptionIdentifier(_)) {
                    return Err(Violation::protocol(
                        "a client sends no subscription identifier in a PUBLISH",
                    ));
                }
            }
        }
        let Some(alias) = alias else { return Ok(meaning_of(publish.topic, vehicle)) };
        let aliases = self.aliases.get_or_insert_default();
        let slot = aliases.get_mut(alias).ok_or(INVALID)?;
        if publish.topic.is_empty() {
            return slot.ok_or(INVALID);
        }
        let meaning = meaning_of(publish.topic, vehicle);
        *slot = Some(meaning);
        Ok(meaning)
    }

    fn handle_subscribe(
        &mut self,
        subscribe: &Subscribe<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'static>>, Violation> {
        let identified = subscribe
            .properties
            .iter()
            .any(|property| matches!(property, Property::SubscriptionIdentifier(_)));
        if identified {
            return Err(Violation::new(
                ReasonCode::SubscriptionIdentifiersNotSupported,
                "subscription identifiers are not available",
            ));
        }
        let vehicle = self.connected_vehicle();
        // Spelt once: a hostile SUBSCRIBE has tens of thousands of filters.
        let (own, down) = (format!("v1/{vehicle}/"), down_filter(vehicle));
        let granted = |filter: SubscribeFilter<'_>| subscription(filter.filter, &own, &down).byte();
        let reasons: Vec<u8> = subscribe.filters.iter().map(granted).collect();
        let fresh = reasons.contains(&ReasonCode::Success.byte());
        let reasons = Reasons::parse(&reasons, PacketType::SubAck)?;
        append(out, &Packet::SubAck(SubAck { id: subscribe.id, properties: Properties::EMPTY, reasons }));
        self.subscribed |= fresh;
        Ok(fresh.then_some(Event::Subscribed))
    }

    fn handle_unsubscribe(&mut self, unsubscribe: &Unsubscribe<'_>, out: &mut Vec<u8>) {
        let down = down_filter(self.connected_vehicle());
        let mut reasons = Vec::new();
        for filter in unsubscribe.filters.iter() {
            let known = self.subscribed && filter == down;
            self.subscribed &= !known;
            reasons.push(if known { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted }.byte());
        }
        if let Ok(reasons) = Reasons::parse(&reasons, PacketType::UnsubAck) {
            let unsuback = SubAck { id: unsubscribe.id, properties: Properties::EMPTY, reasons };
            append(out, &Packet::UnsubAck(unsuback));
        }
    }

    fn connected_vehicle(&self) -> VehicleId {
        self.vehicle.expect("a connected session knows whose it is")
    }

    fn handle_disconnect(&mut self, disconnect: &Disconnect<'_>) -> Result<Event<'static>, Violation> {
        self.state = State::Closed;
        Ok(Event::Goodbye { with_will: self.will && disconnect.reason != ReasonCode::Success })
    }
}

/// Grants QoS 0 under `down/`: what goes down is fetched, a message is only its carrier.
fn subscription(filter: &str, own: &str, down: &str) -> ReasonCode {
    if filter == down {
        ReasonCode::Success
    } else if filter.starts_with("$share/") {
        ReasonCode::SharedSubscriptionsNotSupported
    } else if !filter.starts_with(own) {
        ReasonCode::NotAuthorized
    } else if filter.contains(['#', '+']) {
        ReasonCode::WildcardSubscriptionsNotSupported
    } else {
        ReasonCode::TopicFilterInvalid
    }
}

fn meaning_of(topic: &str, vehicle: VehicleId) -> Meaning {
    let Some((owner, topic)) = Topic::parse(topic) else { return Meaning::Unknown };
    let own = match topic {
        Topic::Up(lane) => Meaning::Batch(lane),
        Topic::Report => Meaning::Report,
        Topic::Fetch => Meaning::Fetch,
        Topic::LinkCode => Meaning::LinkCode,
        Topic::Pong => Meaning::Pong,
        Topic::Down(_) | Topic::Hint | Topic::Notice | Topic::Access | Topic::Ping => {
            return Meaning::Unknown;
        }
    };
    if owner == vehicle { own } else { Meaning::Foreign }
}

/// What a CONNACK can say of a violation: some codes are for DISCONNECT only (2.4).
fn connack_reason(reason: ReasonCode) -> ReasonCode {
    ReasonCode::from_byte(reason.byte(), PacketType::ConnAck).unwrap_or(ReasonCode::ProtocolError)
}

/// A reason string, left out when the packet would be larger than the other side takes.
fn reason_string(what: &str, used: usize, packet_bytes_max: usize) -> PropertyBuf {
    /// The packet around it: fixed header, reason code, packet identifier, lengths.
    const AROUND_BYTES: usize = 16;
    let fits = used + what.len() + AROUND_BYTES <= packet_bytes_max;
    if what.is_empty() || !fits {
        return PropertyBuf::new();
    }
    PropertyBuf::new().with(Property::ReasonString(what)).unwrap_or_default()
}

/// Appends a packet of ours, which is always short.
fn append(out: &mut Vec<u8>, packet: &Packet<'_>) {
    packet.encode(out).expect("packets of the server are built from short texts");
}

#[cfg(test)]
mod tests;
