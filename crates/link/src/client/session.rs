//! The car's side, as a pure state machine. The queue behind it resends what was never acknowledged
//! after a reconnect; the session forgets everything when the connection ends (session expiry 0).

use std::time::{Duration, Instant};

use model::{Lane, Timestamp, VehicleId};

use wire::topic::{PING_BYTES_MAX, Topic, down_filter};

use super::ServerTime;
use crate::{
    TIME_US,
    codec::{
        ConnAck, Connect, Disconnect, Filters, Packet, PacketId, Properties, Property, PropertyBuf, Publish,
        QoS, ReasonCode, Subscribe, SubscribeFilter, Unencodable, Violation, publish_head,
    },
};

/// The topics that a car publishes to often: each has an alias, so that its text goes up once.
const ALIASED: [Topic; 5] =
    [Topic::Up(Lane::Alert), Topic::Up(Lane::Live), Topic::Up(Lane::Bulk), Topic::Report, Topic::Fetch];

/// What the driver tells the queue and the agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent<'a> {
    /// CONNACK and SUBACK came: publishing may begin.
    Ready,
    /// The server refused CONNECT; close. Try again later, by the reason.
    Refused { reason: ReasonCode, text: &'a str },
    /// A message is durable over there.
    Taken { id: PacketId },
    /// A message was refused for good: count it, and never send it again.
    Rejected { id: PacketId, reason: ReasonCode, text: &'a str },
    /// Something came down: an envelope, a hint or a notice.
    Down { topic: Topic, payload: &'a [u8] },
    /// The server ends the connection; close.
    Disconnected { reason: ReasonCode, text: &'a str },
}

/// Why a message was not sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    #[error("the connection is not ready")]
    NotReady,
    #[error("as many messages are in flight as the server takes")]
    WindowFull,
    #[error("the message is larger than the server takes ({bytes_max} bytes)")]
    TooLarge { bytes_max: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Connecting,
    Subscribing,
    Ready,
    Closed,
}

/// One connection to the cloud.
#[derive(Debug)]
pub struct Session {
    state: State,
    vehicle: VehicleId,
    keep_alive: Duration,
    packet_bytes_max: usize,
    /// What the server takes at once; learnt from CONNACK.
    window: usize,
    server_packet_bytes_max: usize,
    aliases_max: u16,
    aliased: [bool; ALIASED.len()],
    in_flight: Vec<PacketId>,
    next_id: PacketId,
    /// When the next packet must leave, so that the server knows that we live.
    send_by: Instant,
    /// When the server's silence means that the connection is lost; set while a ping is out.
    hear_by: Option<Instant>,
    response_timeout: Duration,
    /// When CONNECT was made.
    asked: Instant,
    server_time: Option<ServerTime>,
    /// Another connection of this car is coming up.
    handing_over: bool,
}

impl Session {
    /// `keep_alive_s` is what is asked for; the server may set less. `response_timeout` is how long
    /// CONNACK, SUBACK and PINGRESP may take.
    pub fn new(
        now: Instant,
        vehicle: VehicleId,
        keep_alive_s: u16,
        packet_bytes_max: usize,
        response_timeout: Duration,
    ) -> Self {
        Self {
            state: State::New,
            vehicle,
            keep_alive: Duration::from_secs(u64::from(keep_alive_s)),
            packet_bytes_max,
            window: 0,
            server_packet_bytes_max: usize::MAX,
            aliases_max: 0,
            aliased: [false; ALIASED.len()],
            in_flight: Vec::new(),
            next_id: PacketId::MIN,
            send_by: now,
            hear_by: None,
            response_timeout,
            asked: now,
            server_time: None,
            handing_over: false,
        }
    }

    /// Appends CONNECT.
    pub fn connect(&mut self, now: Instant, out: &mut Vec<u8>) {
        let client_id = self.vehicle.to_string();
        let mut properties = PropertyBuf::new();
        let bytes = u32::try_from(self.packet_bytes_max).unwrap_or(u32::MAX);
        properties.push(Property::MaximumPacketSize(bytes)).expect("a number is always encodable");
        let connect = Connect {
            clean_start: true,
            keep_alive_s: u16::try_from(self.keep_alive.as_secs()).unwrap_or(u16::MAX),
            properties: properties.as_properties(),
            client_id: &client_id,
            will: None,
            user_name: None,
            password: None,
        };
        append(out, &Packet::Connect(connect));
        self.state = State::Connecting;
        self.asked = now;
        self.hear_by = Some(now + self.response_timeout);
    }

    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// What the server said that the time is, once CONNACK has come; a server need not say it.
    pub fn server_time(&self) -> Option<ServerTime> {
        self.server_time
    }

    /// How many more messages may be sent now.
    pub fn window_free(&self) -> usize {
        if self.state == State::Ready { self.window.saturating_sub(self.in_flight.len()) } else { 0 }
    }

    /// When [`Session::handle_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let send_by = (self.state == State::Ready && !self.keep_alive.is_zero()).then_some(self.send_by);
        match (send_by, self.hear_by) {
            (Some(send), Some(hear)) => Some(send.min(hear)),
            (send, hear) => send.or(hear),
        }
    }

    /// Appends a PUBLISH of QoS 1 and gives the number that its outcome will carry.
    pub fn publish(
        &mut self,
        now: Instant,
        topic: Topic,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<PacketId, NotSent> {
        if self.state != State::Ready {
            return Err(NotSent::NotReady);
        }
        if self.in_flight.len() >= self.window {
            return Err(NotSent::WindowFull);
        }
        let id = self.free_id();
        let start = out.len();
        let too_large = NotSent::TooLarge { bytes_max: self.server_packet_bytes_max };
        let alias = self.publish_head(topic, id, payload.len(), out).map_err(|_| too_large)?;
        if out.len() - start + payload.len() > self.server_packet_bytes_max {
            out.truncate(start);
            return Err(too_large);
        }
        out.extend_from_slice(payload);
        if let Some(slot) = alias.and_then(|index| self.aliased.get_mut(index)) {
            *slot = true;
        }
        self.in_flight.push(id);
        self.next_id = following(id);
        self.send_by = now + self.ping_interval();
        Ok(id)
    }

    /// This car opens another connection: when the server asks whether this one lives, it ends instead of
    /// answering, and the other is let in.
    pub fn hand_over(&mut self) {
        self.handing_over = true;
    }

    /// The other connection did not come up.
    pub fn keep(&mut self) {
        self.handing_over = false;
    }

    /// Takes the next packet. On a violation send [`Session::fail`] and close.
    pub fn handle_packet<'a>(
        &mut self,
        now: Instant,
        packet: Packet<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<SessionEvent<'a>>, Violation> {
        // Any packet proves that the server lives, but only CONNACK and SUBACK move the handshake on.
        if self.state == State::Ready {
            self.hear_by = None;
        }
        match (self.state, packet) {
            (State::Connecting, Packet::ConnAck(connack)) => Ok(self.handle_connack(now, &connack, out)),
            (State::Subscribing, Packet::SubAck(suback)) => {
                if let Some(reason) = suback.reasons.iter().find(|reason| reason.is_failure()) {
                    let text = suback.properties.reason_string().unwrap_or_default();
                    self.state = State::Closed;
                    return Ok(Some(SessionEvent::Refused { reason, text }));
                }
                self.state = State::Ready;
                self.hear_by = None;
                self.send_by = now + self.ping_interval();
                Ok(Some(SessionEvent::Ready))
            }
            (State::Ready, Packet::PubAck(ack)) => {
                let Some(index) = self.in_flight.iter().position(|id| *id == ack.id) else {
                    return Err(Violation::protocol("a PUBACK of a message that is not in flight"));
                };
                self.in_flight.remove(index);
                let (id, reason) = (ack.id, ack.reason);
                if !reason.is_failure() {
                    return Ok(Some(SessionEvent::Taken { id }));
                }
                let text = ack.properties.reason_string().unwrap_or_default();
                if reason == ReasonCode::QuotaExceeded {
                    // Not now, and nothing after it either, or batches would come out of order: what is
                    // not acknowledged goes up again with the next connection.
                    self.state = State::Closed;
                    return Ok(Some(SessionEvent::Disconnected { reason, text }));
                }
                Ok(Some(SessionEvent::Rejected { id, reason, text }))
            }
            (State::Subscribing | State::Ready, Packet::Publish(publish)) => self.handle_down(&publish, out),
            (State::Subscribing | State::Ready, Packet::PingResp) => Ok(None),
            (State::Connecting | State::Subscribing | State::Ready, Packet::Disconnect(disconnect)) => {
                self.state = State::Closed;
                let text = disconnect.properties.reason_string().unwrap_or_default();
                Ok(Some(SessionEvent::Disconnected { reason: disconnect.reason, text }))
            }
            (State::New | State::Closed, _) => Ok(None),
            (State::Connecting | State::Subscribing | State::Ready, _) => {
                Err(Violation::protocol("a packet that does not belong here"))
            }
        }
    }

    /// Appends the DISCONNECT that tells a violation.
    pub fn fail(&mut self, violation: Violation, out: &mut Vec<u8>) {
        self.disconnect(violation.reason, out);
    }

    /// Appends a DISCONNECT: `Success` when all is well. Close when it is sent.
    pub fn disconnect(&mut self, reason: ReasonCode, out: &mut Vec<u8>) {
        if self.state != State::Closed {
            append(out, &Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY }));
        }
        self.state = State::Closed;
    }

    /// Call at [`Session::deadline`]: appends a ping, or says with `false` that the server is gone.
    #[must_use]
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        if self.hear_by.is_some_and(|hear_by| now >= hear_by) {
            self.state = State::Closed;
            return false;
        }
        if self.state == State::Ready && now >= self.send_by && !self.keep_alive.is_zero() {
            append(out, &Packet::PingReq);
            self.send_by = now + self.ping_interval();
            self.hear_by.get_or_insert(now + self.response_timeout);
        }
        true
    }

    fn handle_connack<'a>(
        &mut self,
        now: Instant,
        connack: &ConnAck<'a>,
        out: &mut Vec<u8>,
    ) -> Option<SessionEvent<'a>> {
        if connack.reason.is_failure() {
            self.state = State::Closed;
            let text = connack.properties.reason_string().unwrap_or_default();
            return Some(SessionEvent::Refused { reason: connack.reason, text });
        }
        self.window = usize::from(u16::MAX);
        for property in connack.properties.iter() {
            if let Property::ReceiveMaximum(window) = property {
                self.window = usize::from(window);
            } else if let Property::MaximumPacketSize(bytes) = property {
                self.server_packet_bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
            } else if let Property::TopicAliasMaximum(count) = property {
                self.aliases_max = count;
            } else if let Property::ServerKeepAlive(seconds) = property {
                self.keep_alive = Duration::from_secs(u64::from(seconds));
            } else if let Property::UserProperty((TIME_US, time)) = property {
                let time = time.parse().ok().map(Timestamp);
                self.server_time = time.map(|time| ServerTime { time, asked: self.asked, told: now });
            }
        }
        let mut filters = Vec::new();
        let down = down_filter(self.vehicle);
        let filter = SubscribeFilter {
            filter: &down,
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: 2,
        };
        filter.write(&mut filters).expect("our filter is short");
        let filters = Filters::parse(&filters).expect("our filter is valid");
        append(
            out,
            &Packet::Subscribe(Subscribe { id: self.next_id, properties: Properties::EMPTY, filters }),
        );
        self.next_id = following(self.next_id);
        self.state = State::Subscribing;
        self.hear_by = Some(now + self.response_timeout);
        None
    }

    fn handle_down<'a>(
        &mut self,
        publish: &Publish<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<SessionEvent<'a>>, Violation> {
        if publish.qos != QoS::AtMostOnce {
            return Err(Violation::protocol("the subscription is of QoS 0"));
        }
        // What this release does not know comes from a newer platform; it is none of our business.
        let Some((vehicle, topic)) = Topic::parse(publish.topic) else { return Ok(None) };
        if vehicle != self.vehicle {
            return Err(Violation::protocol("a message to another car's topic"));
        }
        match topic {
            Topic::Down(_) | Topic::Hint | Topic::Notice | Topic::Access => {
                Ok(Some(SessionEvent::Down { topic, payload: publish.payload }))
            }
            Topic::Ping if self.handing_over => {
                self.state = State::Closed;
                let text = "this car's next connection takes over";
                Ok(Some(SessionEvent::Disconnected { reason: ReasonCode::SessionTakenOver, text }))
            }
            Topic::Ping => {
                self.answer(publish.payload, out);
                Ok(None)
            }
            Topic::Up(_) | Topic::Report | Topic::Fetch | Topic::LinkCode | Topic::Pong => {
                Err(Violation::protocol("a message to a topic that was not subscribed"))
            }
        }
    }

    /// Appends the answer to a ping; one that is longer than pings are is none.
    fn answer(&self, payload: &[u8], out: &mut Vec<u8>) {
        if payload.len() > PING_BYTES_MAX {
            return;
        }
        let topic = Topic::Pong.of(self.vehicle);
        let pong = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: &topic,
            id: None,
            properties: Properties::EMPTY,
            payload,
        };
        append(out, &Packet::Publish(pong));
    }

    /// Appends topic or alias and number. Gives the place of the alias that the server knows now.
    fn publish_head(
        &self,
        topic: Topic,
        id: PacketId,
        payload_bytes: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, Unencodable> {
        let allowed = usize::from(self.aliases_max);
        let place = ALIASED.iter().position(|aliased| *aliased == topic).filter(|place| *place < allowed);
        let known = place.and_then(|place| self.aliased.get(place)).copied().unwrap_or_default();
        let mut properties = PropertyBuf::new();
        if let Some(alias) = place.and_then(|place| u16::try_from(place + 1).ok()) {
            properties.push(Property::TopicAlias(alias))?;
        }
        let text = if known { String::new() } else { topic.of(self.vehicle) };
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: &text,
            id: Some(id),
            properties: properties.as_properties(),
            payload: &[],
        };
        publish_head(out, &publish, payload_bytes)?;
        Ok(place)
    }

    /// The next number that no message in flight has; there are 65,535 and the window is smaller.
    fn free_id(&self) -> PacketId {
        let mut id = self.next_id;
        while self.in_flight.contains(&id) {
            id = following(id);
        }
        id
    }

    /// Three quarters of the keep alive, so that a slow network does not make us seem dead.
    fn ping_interval(&self) -> Duration {
        self.keep_alive * 3 / 4
    }
}

fn following(id: PacketId) -> PacketId {
    id.checked_add(1).unwrap_or(PacketId::MIN)
}

/// Appends a packet of ours, which is always short.
fn append(out: &mut Vec<u8>, packet: &Packet<'_>) {
    packet.encode(out).expect("packets of the client are built from short texts");
}
