//! Packets from bytes.

use super::{
    Ack, Auth, ConnAck, Connect, Disconnect, Filters, Packet, PacketId, PacketType, Properties, Publish, QoS,
    REMAINING_LENGTH_MAX, ReasonCode, Reasons, SubAck, Subscribe, SubscribeFilter, Topics, Unsubscribe,
    Violation, Will,
    property::Place,
    reader::{Reader, varint},
};

pub(super) const BAD_REASON: Violation =
    Violation::protocol("a reason code that this type of packet does not have");

/// The fixed header of a packet (2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub packet: PacketType,
    /// The four low bits of the first byte.
    pub flags: u8,
    /// The whole packet with its header, in bytes.
    pub packet_bytes: usize,
    header_bytes: usize,
}

/// The header at the front of a buffer; `None` when more bytes are needed.
///
/// A packet of more than `packet_bytes_max` is refused before any of it is kept.
pub fn header(bytes: &[u8], packet_bytes_max: usize) -> Result<Option<Header>, Violation> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let flags = first & 0x0f;
    let packet = packet_type(first >> 4)?;
    let expected = match packet {
        PacketType::Publish => flags,
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
        PacketType::Connect
        | PacketType::ConnAck
        | PacketType::PubAck
        | PacketType::PubRec
        | PacketType::PubComp
        | PacketType::SubAck
        | PacketType::UnsubAck
        | PacketType::PingReq
        | PacketType::PingResp
        | PacketType::Disconnect
        | PacketType::Auth => 0,
    };
    if flags != expected {
        return Err(Violation::malformed("reserved flags of the fixed header are set"));
    }
    let Some((remaining, len)) = varint(rest)? else { return Ok(None) };
    let header_bytes = 1 + len;
    let remaining = usize::try_from(remaining).unwrap_or(REMAINING_LENGTH_MAX);
    let packet_bytes = header_bytes + remaining;
    if packet_bytes > packet_bytes_max {
        return Err(Violation::new(ReasonCode::PacketTooLarge, "the packet is larger than CONNACK allows"));
    }
    Ok(Some(Header { packet, flags, packet_bytes, header_bytes }))
}

/// The packet at the front of a buffer with its length; `None` when more bytes are needed.
pub fn decode(bytes: &[u8], packet_bytes_max: usize) -> Result<Option<(Packet<'_>, usize)>, Violation> {
    let Some(header) = header(bytes, packet_bytes_max)? else { return Ok(None) };
    let Some(body) = bytes.get(header.header_bytes..header.packet_bytes) else { return Ok(None) };
    let packet = body_of(header, body)?;
    Ok(Some((packet, header.packet_bytes)))
}

fn packet_type(bits: u8) -> Result<PacketType, Violation> {
    Ok(match bits {
        1 => PacketType::Connect,
        2 => PacketType::ConnAck,
        3 => PacketType::Publish,
        4 => PacketType::PubAck,
        5 => PacketType::PubRec,
        6 => PacketType::PubRel,
        7 => PacketType::PubComp,
        8 => PacketType::Subscribe,
        9 => PacketType::SubAck,
        10 => PacketType::Unsubscribe,
        11 => PacketType::UnsubAck,
        12 => PacketType::PingReq,
        13 => PacketType::PingResp,
        14 => PacketType::Disconnect,
        15 => PacketType::Auth,
        _ => return Err(Violation::malformed("packet type 0 is forbidden")),
    })
}

fn body_of(header: Header, body: &[u8]) -> Result<Packet<'_>, Violation> {
    let reader = Reader::new(body);
    let packet = header.packet;
    Ok(match packet {
        PacketType::Connect => Packet::Connect(connect(reader)?),
        PacketType::ConnAck => Packet::ConnAck(connack(reader)?),
        PacketType::Publish => Packet::Publish(publish(header.flags, reader)?),
        PacketType::PubAck => Packet::PubAck(ack(reader, packet)?),
        PacketType::PubRec => Packet::PubRec(ack(reader, packet)?),
        PacketType::PubRel => Packet::PubRel(ack(reader, packet)?),
        PacketType::PubComp => Packet::PubComp(ack(reader, packet)?),
        PacketType::Subscribe => Packet::Subscribe(subscribe(reader)?),
        PacketType::SubAck => Packet::SubAck(suback(reader, packet)?),
        PacketType::Unsubscribe => Packet::Unsubscribe(unsubscribe(reader)?),
        PacketType::UnsubAck => Packet::UnsubAck(suback(reader, packet)?),
        PacketType::PingReq => end(reader, Packet::PingReq)?,
        PacketType::PingResp => end(reader, Packet::PingResp)?,
        PacketType::Disconnect => {
            let (reason, properties) = reason_and_properties(reader, packet)?;
            Packet::Disconnect(Disconnect { reason, properties })
        }
        PacketType::Auth => {
            let (reason, properties) = reason_and_properties(reader, packet)?;
            Packet::Auth(Auth { reason, properties })
        }
    })
}

fn end<T>(reader: Reader<'_>, value: T) -> Result<T, Violation> {
    if reader.is_empty() {
        Ok(value)
    } else {
        Err(Violation::malformed("bytes follow the packet's last field"))
    }
}

fn packet_id(reader: &mut Reader<'_>) -> Result<PacketId, Violation> {
    PacketId::new(reader.u16()?).ok_or(Violation::protocol("a packet identifier of 0"))
}

fn connect(mut reader: Reader<'_>) -> Result<Connect<'_>, Violation> {
    const UNSUPPORTED: Violation =
        Violation::new(ReasonCode::UnsupportedProtocolVersion, "only MQTT 5 is spoken here");
    if reader.string()? != "MQTT" || reader.u8()? != 5 {
        return Err(UNSUPPORTED);
    }
    let flags = reader.u8()?;
    if flags & 1 != 0 {
        return Err(Violation::malformed("the reserved flag of CONNECT is set"));
    }
    let keep_alive_s = reader.u16()?;
    let properties = Properties::read(&mut reader, Place::Packet(PacketType::Connect))?;
    let client_id = reader.string()?;
    let will = will(flags, &mut reader)?;
    let user_name = if flags & 0x80 != 0 { Some(reader.string()?) } else { None };
    let password = if flags & 0x40 != 0 { Some(reader.binary()?) } else { None };
    let connect = Connect {
        clean_start: flags & 2 != 0,
        keep_alive_s,
        properties,
        client_id,
        will,
        user_name,
        password,
    };
    end(reader, connect)
}

fn will<'a>(flags: u8, reader: &mut Reader<'a>) -> Result<Option<Will<'a>>, Violation> {
    if flags & 0b100 == 0 {
        if flags & 0b11_1000 != 0 {
            return Err(Violation::malformed("will QoS or will retain without a will"));
        }
        return Ok(None);
    }
    let qos = QoS::from_bits((flags >> 3) & 3).ok_or(Violation::malformed("a will QoS of 3"))?;
    let properties = Properties::read(reader, Place::Will)?;
    let topic = reader.string()?;
    check_topic(topic)?;
    let payload = reader.binary()?;
    Ok(Some(Will { qos, retain: flags & 0b10_0000 != 0, properties, topic, payload }))
}

fn connack(mut reader: Reader<'_>) -> Result<ConnAck<'_>, Violation> {
    let session_present = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(Violation::malformed("reserved flags of CONNACK are set")),
    };
    let reason = ReasonCode::from_byte(reader.u8()?, PacketType::ConnAck).ok_or(BAD_REASON)?;
    if session_present && reason.is_failure() {
        return Err(Violation::protocol("a refused connection has no session"));
    }
    let properties = Properties::read(&mut reader, Place::Packet(PacketType::ConnAck))?;
    end(reader, ConnAck { session_present, reason, properties })
}

fn publish(flags: u8, mut reader: Reader<'_>) -> Result<Publish<'_>, Violation> {
    let dup = flags & 0b1000 != 0;
    let qos = QoS::from_bits((flags >> 1) & 3).ok_or(Violation::malformed("a QoS of 3"))?;
    if dup && qos == QoS::AtMostOnce {
        return Err(Violation::malformed("DUP is set on a PUBLISH of QoS 0"));
    }
    let topic = reader.string()?;
    let id = if qos == QoS::AtMostOnce { None } else { Some(packet_id(&mut reader)?) };
    let properties = Properties::read(&mut reader, Place::Packet(PacketType::Publish))?;
    if topic.is_empty() {
        let aliased = properties.iter().any(|property| matches!(property, super::Property::TopicAlias(_)));
        if !aliased {
            return Err(Violation::protocol("a PUBLISH has neither topic nor topic alias"));
        }
    } else {
        check_topic(topic)?;
    }
    Ok(Publish { dup, qos, retain: flags & 1 != 0, topic, id, properties, payload: reader.rest() })
}

fn ack(mut reader: Reader<'_>, packet: PacketType) -> Result<Ack<'_>, Violation> {
    let id = packet_id(&mut reader)?;
    let (reason, properties) = reason_and_properties(reader, packet)?;
    Ok(Ack { id, reason, properties })
}

/// A reason code of 0 and empty properties may be left out (3.4.2.1, 3.14.2.1, 3.15.2.1).
fn reason_and_properties(
    mut reader: Reader<'_>,
    packet: PacketType,
) -> Result<(ReasonCode, Properties<'_>), Violation> {
    if reader.is_empty() {
        return Ok((ReasonCode::Success, Properties::EMPTY));
    }
    let reason = ReasonCode::from_byte(reader.u8()?, packet).ok_or(BAD_REASON)?;
    if reader.is_empty() {
        return Ok((reason, Properties::EMPTY));
    }
    let properties = Properties::read(&mut reader, Place::Packet(packet))?;
    end(reader, (reason, properties))
}

fn subscribe(mut reader: Reader<'_>) -> Result<Subscribe<'_>, Violation> {
    let id = packet_id(&mut reader)?;
    let properties = Properties::read(&mut reader, Place::Packet(PacketType::Subscribe))?;
    Ok(Subscribe { id, properties, filters: Filters::parse(reader.rest())? })
}

pub(super) fn subscribe_filter<'a>(reader: &mut Reader<'a>) -> Result<SubscribeFilter<'a>, Violation> {
    let filter = reader.string()?;
    check_filter(filter)?;
    let options = reader.u8()?;
    if options & 0b1100_0000 != 0 {
        return Err(Violation::malformed("reserved subscription options are set"));
    }
    let qos = QoS::from_bits(options & 3).ok_or(Violation::protocol("a subscription QoS of 3"))?;
    let retain_handling = (options >> 4) & 3;
    if retain_handling == 3 {
        return Err(Violation::protocol("a retain handling of 3"));
    }
    let no_local = options & 0b100 != 0;
    if no_local && filter.starts_with("$share/") {
        return Err(Violation::protocol("no local on a shared subscription"));
    }
    let retain_as_published = options & 0b1000 != 0;
    Ok(SubscribeFilter { filter, qos, no_local, retain_as_published, retain_handling })
}

fn suback(mut reader: Reader<'_>, packet: PacketType) -> Result<SubAck<'_>, Violation> {
    let id = packet_id(&mut reader)?;
    let properties = Properties::read(&mut reader, Place::Packet(packet))?;
    Ok(SubAck { id, properties, reasons: Reasons::parse(reader.rest(), packet)? })
}

fn unsubscribe(mut reader: Reader<'_>) -> Result<Unsubscribe<'_>, Violation> {
    let id = packet_id(&mut reader)?;
    let properties = Properties::read(&mut reader, Place::Packet(PacketType::Unsubscribe))?;
    Ok(Unsubscribe { id, properties, filters: Topics::parse(reader.rest())? })
}

/// Topic names have a character and no wildcard (4.7.1, 4.7.3).
fn check_topic(topic: &str) -> Result<(), Violation> {
    if topic.is_empty() || topic.bytes().any(|byte| byte == b'#' || byte == b'+') {
        return Err(Violation::new(ReasonCode::TopicNameInvalid, "a topic name is empty or has wildcards"));
    }
    Ok(())
}

/// Wildcards stand alone in their level, and `#` comes last (4.7.1); a shared subscription names
/// its group and a filter (4.8.2).
pub(super) fn check_filter(filter: &str) -> Result<(), Violation> {
    const INVALID: Violation =
        Violation::new(ReasonCode::TopicFilterInvalid, "a topic filter breaks the rules of section 4.7");
    let mut levels = filter.split('/').peekable();
    let mut valid = !filter.is_empty();
    while let Some(level) = levels.next() {
        let wild = level.contains(['#', '+']);
        valid &= !wild || level.len() == 1;
        valid &= level != "#" || levels.peek().is_none();
    }
    if let Some(shared) = filter.strip_prefix("$share/") {
        valid &= shared
            .split_once('/')
            .is_some_and(|(name, rest)| !name.is_empty() && !name.contains(['#', '+']) && !rest.is_empty());
    }
    if valid { Ok(()) } else { Err(INVALID) }
}
