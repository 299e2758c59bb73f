//! Acknowledgements in the order of their messages.

use std::collections::VecDeque;

use crate::codec::{Ack, Packet, PacketId, ReasonCode, Violation, puback_success};

use super::{append, reason_string};

/// Messages in flight, oldest first; at most the receive maximum.
#[derive(Debug)]
pub(super) struct Acks {
    queue: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    id: PacketId,
    outcome: Option<(ReasonCode, &'static str)>,
}

impl Acks {
    pub(super) const fn new() -> Self {
        Self { queue: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Notes a message that will be acknowledged.
    pub(super) fn open(&mut self, id: PacketId) -> Result<(), Violation> {
        if self.queue.iter().any(|waiting| waiting.id == id) {
            return Err(Violation::protocol("a packet identifier is used while its message is in flight"));
        }
        self.queue.push_back(Waiting { id, outcome: None });
        Ok(())
    }

    /// Sets the outcome of a message; of one that is not in flight nothing is known any more.
    pub(super) fn resolve(&mut self, id: PacketId, reason: ReasonCode, what: &'static str) {
        if let Some(waiting) = self.queue.iter_mut().find(|waiting| waiting.id == id) {
            waiting.outcome = Some((reason, what));
        }
    }

    /// Appends the PUBACKs of the oldest messages up to the first whose outcome is open.
    pub(super) fn flush(&mut self, packet_bytes_max: usize, out: &mut Vec<u8>) {
        while let Some((id, (reason, what))) =
            self.queue.front().and_then(|waiting| waiting.outcome.map(|outcome| (waiting.id, outcome)))
        {
            self.queue.pop_front();
            if reason == ReasonCode::Success {
                puback_success(out, id);
                continue;
            }
            let properties = reason_string(what, 0, packet_bytes_max);
            append(out, &Packet::PubAck(Ack { id, reason, properties: properties.as_properties() }));
        }
    }
}
