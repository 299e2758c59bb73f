//! MQTT 5 packets from and into bytes.
//!
//! Decoding borrows: a packet points into the buffer it was read into. It is strict: what the
//! standard calls malformed or a protocol error is a [`Violation`] with the reason code to answer.

mod decode;
mod encode;
mod packet;
mod property;
mod reader;
mod reason;

pub use decode::{Header, decode, header};
pub use encode::{Unencodable, puback_success, publish_head};
pub use packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Filters, Packet, PacketId, PacketType, Publish, QoS, Reasons,
    SubAck, Subscribe, SubscribeFilter, Topics, Unsubscribe, Will,
};
pub use property::{Properties, Property, PropertyBuf, PropertyIter};
pub use reason::ReasonCode;

/// The longest remaining length that the standard can express (section 1.5.5).
pub const REMAINING_LENGTH_MAX: usize = 268_435_455;

/// What a peer did that MQTT forbids, with the reason code that tells it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} ({reason})")]
pub struct Violation {
    pub reason: ReasonCode,
    /// One sentence for the other side's developer.
    pub what: &'static str,
}

impl Violation {
    pub const fn new(reason: ReasonCode, what: &'static str) -> Self {
        Self { reason, what }
    }

    pub const fn malformed(what: &'static str) -> Self {
        Self::new(ReasonCode::MalformedPacket, what)
    }

    pub const fn protocol(what: &'static str) -> Self {
        Self::new(ReasonCode::ProtocolError, what)
    }
}

#[cfg(test)]
mod tests;
