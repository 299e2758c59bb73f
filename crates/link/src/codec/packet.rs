//! The fifteen packets, as views into the buffer that they were read into.

use std::num::NonZeroU16;

use super::{Properties, ReasonCode, Unencodable, Violation, decode, encode, reader::Reader};

/// Names a PUBLISH, SUBSCRIBE or UNSUBSCRIBE until it is acknowledged; never zero (2.2.1).
pub type PacketId = NonZeroU16;

/// The types of packets (2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    Connect = 1,
    ConnAck = 2,
    Publish = 3,
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
    Subscribe = 8,
    SubAck = 9,
    Unsubscribe = 10,
    UnsubAck = 11,
    PingReq = 12,
    PingResp = 13,
    Disconnect = 14,
    Auth = 15,
}

/// How surely a message arrives (4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(clippy::enum_variant_names, reason = "the standard's own names")]
pub enum QoS {
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}

impl QoS {
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// Any packet of MQTT 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    PubAck(Ack<'a>),
    PubRec(Ack<'a>),
    PubRel(Ack<'a>),
    PubComp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    SubAck(SubAck<'a>),
    Unsubscribe(Unsubscribe<'a>),
    UnsubAck(SubAck<'a>),
    PingReq,
    PingResp,
    Disconnect(Disconnect<'a>),
    Auth(Auth<'a>),
}

impl Packet<'_> {
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

/// CONNECT (3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    pub clean_start: bool,
    /// Seconds; 0 turns keep alive off.
    pub keep_alive_s: u16,
    pub properties: Properties<'a>,
    pub client_id: &'a str,
    pub will: Option<Will<'a>>,
    pub user_name: Option<&'a str>,
    pub password: Option<&'a [u8]>,
}

/// What the server shall publish when the connection is lost (3.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Will<'a> {
    pub qos: QoS,
    pub retain: bool,
    pub properties: Properties<'a>,
    pub topic: &'a str,
    pub payload: &'a [u8],
}

/// CONNACK (3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnAck<'a> {
    pub session_present: bool,
    pub reason: ReasonCode,
    pub properties: Properties<'a>,
}

/// PUBLISH (3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    /// Empty when a topic alias stands for it.
    pub topic: &'a str,
    /// There exactly when the QoS is above 0.
    pub id: Option<PacketId>,
    pub properties: Properties<'a>,
    pub payload: &'a [u8],
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP (3.4 to 3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack<'a> {
    pub id: PacketId,
    pub reason: ReasonCode,
    pub properties: Properties<'a>,
}

/// SUBSCRIBE (3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    pub id: PacketId,
    pub properties: Properties<'a>,
    pub filters: Filters<'a>,
}

/// One filter of a SUBSCRIBE with its options (3.8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscribeFilter<'a> {
    pub filter: &'a str,
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    /// 0, 1 or 2.
    pub retain_handling: u8,
}

impl SubscribeFilter<'_> {
    /// Appends the filter as it stands in the payload of a SUBSCRIBE; see [`Filters::parse`].
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        encode::binary(out, self.filter.as_bytes())?;
        let flags = u8::from(self.no_local) << 2 | u8::from(self.retain_as_published) << 3;
        out.push(self.qos as u8 | flags | (self.retain_handling & 3) << 4);
        Ok(())
    }
}

/// The checked payload of a SUBSCRIBE: one filter or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filters<'a>(pub(super) &'a [u8]);

impl<'a> Filters<'a> {
    /// Checks the filters in a payload as [`Filters::iter`] gives them.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(payload);
        if reader.is_empty() {
            return Err(Violation::protocol("a SUBSCRIBE has at least one topic filter"));
        }
        while !reader.is_empty() {
            decode::subscribe_filter(&mut reader)?;
        }
        Ok(Self(payload))
    }

    pub fn iter(self) -> impl Iterator<Item = SubscribeFilter<'a>> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(
            move || {
                if reader.is_empty() { None } else { decode::subscribe_filter(&mut reader).ok() }
            },
        )
    }
}

/// SUBACK and UNSUBACK (3.9, 3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubAck<'a> {
    pub id: PacketId,
    pub properties: Properties<'a>,
    pub reasons: Reasons<'a>,
}

/// One reason code for each filter, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reasons<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) packet: PacketType,
}

impl<'a> Reasons<'a> {
    /// Checks the codes of a packet of this type, SUBACK or UNSUBACK.
    pub fn parse(bytes: &'a [u8], packet: PacketType) -> Result<Self, Violation> {
        if bytes.is_empty() {
            return Err(Violation::protocol("an acknowledgement has a reason code for each filter"));
        }
        if bytes.iter().any(|&byte| ReasonCode::from_byte(byte, packet).is_none()) {
            return Err(decode::BAD_REASON);
        }
        Ok(Self { bytes, packet })
    }

    pub fn iter(self) -> impl Iterator<Item = ReasonCode> {
        self.bytes.iter().filter_map(move |&byte| ReasonCode::from_byte(byte, self.packet))
    }
}

/// UNSUBSCRIBE (3.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    pub id: PacketId,
    pub properties: Properties<'a>,
    pub filters: Topics<'a>,
}

/// The checked payload of an UNSUBSCRIBE: one filter or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topics<'a>(pub(super) &'a [u8]);

impl<'a> Topics<'a> {
    /// Checks the filters in a payload.
    pub fn parse(payload: &'a [u8]) -> Result<Self, Violation> {
        let mut reader = Reader::new(payload);
        if reader.is_empty() {
            return Err(Violation::protocol("an UNSUBSCRIBE has at least one topic filter"));
        }
        while !reader.is_empty() {
            decode::check_filter(reader.string()?)?;
        }
        Ok(Self(payload))
    }

    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || if reader.is_empty() { None } else { reader.string().ok() })
    }
}

/// DISCONNECT (3.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect<'a> {
    pub reason: ReasonCode,
    pub properties: Properties<'a>,
}

/// AUTH (3.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auth<'a> {
    pub reason: ReasonCode,
    pub properties: Properties<'a>,
}
