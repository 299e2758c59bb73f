//! Packets into bytes, appended to the caller's buffer.

use super::{
    Ack, ConnAck, Connect, Packet, PacketId, PacketType, Properties, Publish, REMAINING_LENGTH_MAX,
    ReasonCode, SubAck, Subscribe, Unsubscribe,
};

/// A text of more than 65,535 bytes, or a packet of more than 256 MiB: MQTT cannot carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("MQTT cannot carry it: a text has more than 65,535 bytes or the packet more than 256 MiB")]
pub struct Unencodable;

impl Packet<'_> {
    /// Appends the packet; on failure the buffer is as it was.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        let start = out.len();
        self.write(out).inspect_err(|_| out.truncate(start))
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        let packet = self.packet_type();
        match self {
            Self::Connect(connect) => framed(out, packet, 0, |out| write_connect(out, connect)),
            Self::ConnAck(connack) => framed(out, packet, 0, |out| write_connack(out, connack)),
            Self::Publish(publish) => {
                publish_head(out, publish, publish.payload.len())?;
                out.extend_from_slice(publish.payload);
                Ok(())
            }
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubComp(ack) => {
                framed(out, packet, 0, |out| write_ack(out, ack))
            }
            Self::PubRel(ack) => framed(out, packet, 0b0010, |out| write_ack(out, ack)),
            Self::Subscribe(subscribe) => framed(out, packet, 0b0010, |out| write_subscribe(out, subscribe)),
            Self::SubAck(suback) | Self::UnsubAck(suback) => {
                framed(out, packet, 0, |out| write_suback(out, suback))
            }
            Self::Unsubscribe(unsubscribe) => {
                framed(out, packet, 0b0010, |out| write_unsubscribe(out, unsubscribe))
            }
            Self::PingReq | Self::PingResp => framed(out, packet, 0, |_| Ok(())),
            Self::Disconnect(disconnect) => {
                framed(out, packet, 0, |out| write_reason(out, disconnect.reason, disconnect.properties))
            }
            Self::Auth(auth) => framed(out, packet, 0, |out| write_reason(out, auth.reason, auth.properties)),
        }
    }
}

/// Appends the PUBACK of a message that was taken: four bytes.
pub fn puback_success(out: &mut Vec<u8>, id: PacketId) {
    let [high, low] = id.get().to_be_bytes();
    out.extend_from_slice(&[(PacketType::PubAck as u8) << 4, 2, high, low]);
}

/// Appends all of a PUBLISH but its payload, of which the caller appends `payload_bytes`.
pub fn publish_head(
    out: &mut Vec<u8>,
    publish: &Publish<'_>,
    payload_bytes: usize,
) -> Result<(), Unencodable> {
    let properties = publish.properties.as_bytes();
    let id_bytes = if publish.id.is_some() { 2 } else { 0 };
    let remaining = 2
        + publish.topic.len()
        + id_bytes
        + varint_bytes(properties.len())
        + properties.len()
        + payload_bytes;
    let flags = u8::from(publish.dup) << 3 | (publish.qos as u8) << 1 | u8::from(publish.retain);
    out.push((PacketType::Publish as u8) << 4 | flags);
    varint(out, remaining)?;
    binary(out, publish.topic.as_bytes())?;
    if let Some(id) = publish.id {
        out.extend_from_slice(&id.get().to_be_bytes());
    }
    write_properties(out, publish.properties)
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: usize) -> Result<(), Unencodable> {
    if value > REMAINING_LENGTH_MAX {
        return Err(Unencodable);
    }
    loop {
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return Ok(());
        }
        out.push(low | 0x80);
    }
}

const fn varint_bytes(value: usize) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

pub(super) fn binary(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Unencodable> {
    let len = u16::try_from(bytes.len()).map_err(|_| Unencodable)?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Writes the fixed header around a body: the body first, then its length moved in before it.
fn framed(
    out: &mut Vec<u8>,
    packet: PacketType,
    flags: u8,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), Unencodable>,
) -> Result<(), Unencodable> {
    out.push((packet as u8) << 4 | flags);
    let start = out.len();
    body(out)?;
    let remaining = out.len() - start;
    varint(out, remaining)?;
    let length_bytes = out.len() - start - remaining;
    if let Some(tail) = out.get_mut(start..) {
        tail.rotate_right(length_bytes);
    }
    Ok(())
}

fn write_properties(out: &mut Vec<u8>, properties: Properties<'_>) -> Result<(), Unencodable> {
    varint(out, properties.as_bytes().len())?;
    out.extend_from_slice(properties.as_bytes());
    Ok(())
}

fn write_connect(out: &mut Vec<u8>, connect: &Connect<'_>) -> Result<(), Unencodable> {
    binary(out, b"MQTT")?;
    out.push(5);
    let mut flags = u8::from(connect.clean_start) << 1;
    if let Some(will) = &connect.will {
        flags |= 0b100 | (will.qos as u8) << 3 | u8::from(will.retain) << 5;
    }
    flags |= u8::from(connect.password.is_some()) << 6 | u8::from(connect.user_name.is_some()) << 7;
    out.push(flags);
    out.extend_from_slice(&connect.keep_alive_s.to_be_bytes());
    write_properties(out, connect.properties)?;
    binary(out, connect.client_id.as_bytes())?;
    if let Some(will) = &connect.will {
        write_properties(out, will.properties)?;
        binary(out, will.topic.as_bytes())?;
        binary(out, will.payload)?;
    }
    if let Some(user_name) = connect.user_name {
        binary(out, user_name.as_bytes())?;
    }
    connect.password.map_or(Ok(()), |password| binary(out, password))
}

fn write_connack(out: &mut Vec<u8>, connack: &ConnAck<'_>) -> Result<(), Unencodable> {
    out.push(u8::from(connack.session_present));
    out.push(connack.reason.byte());
    write_properties(out, connack.properties)
}

fn write_ack(out: &mut Vec<u8>, ack: &Ack<'_>) -> Result<(), Unencodable> {
    out.extend_from_slice(&ack.id.get().to_be_bytes());
    write_reason(out, ack.reason, ack.properties)
}

/// Leaves out what the standard lets be left out.
fn write_reason(
    out: &mut Vec<u8>,
    reason: ReasonCode,
    properties: Properties<'_>,
) -> Result<(), Unencodable> {
    if properties.is_empty() {
        if reason != ReasonCode::Success {
            out.push(reason.byte());
        }
        return Ok(());
    }
    out.push(reason.byte());
    write_properties(out, properties)
}

fn write_subscribe(out: &mut Vec<u8>, subscribe: &Subscribe<'_>) -> Result<(), Unencodable> {
    out.extend_from_slice(&subscribe.id.get().to_be_bytes());
    write_properties(out, subscribe.properties)?;
    out.extend_from_slice(subscribe.filters.0);
    Ok(())
}

fn write_suback(out: &mut Vec<u8>, suback: &SubAck<'_>) -> Result<(), Unencodable> {
    out.extend_from_slice(&suback.id.get().to_be_bytes());
    write_properties(out, suback.properties)?;
    out.extend_from_slice(suback.reasons.bytes);
    Ok(())
}

fn write_unsubscribe(out: &mut Vec<u8>, unsubscribe: &Unsubscribe<'_>) -> Result<(), Unencodable> {
    out.extend_from_slice(&unsubscribe.id.get().to_be_bytes());
    write_properties(out, unsubscribe.properties)?;
    out.extend_from_slice(unsubscribe.filters.0);
    Ok(())
}
