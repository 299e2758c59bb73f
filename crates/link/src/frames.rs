//! Packets out of a stream that cuts them anywhere.

use std::ops::ControlFlow;

use crate::codec::{self, Packet, Violation};

/// Keeps the beginning of a packet whose end has not arrived.
///
/// Whole packets are decoded where they lie, in the reader's buffer; only a packet that was cut is
/// copied. A connection that is idle between packets holds no memory here.
#[derive(Debug, Default)]
pub struct Frames {
    partial: Vec<u8>,
}

impl Frames {
    pub const fn new() -> Self {
        Self { partial: Vec::new() }
    }

    /// Gives each packet that `data` completes to `each`, in order.
    ///
    /// When `each` breaks, what follows that packet is kept, and a later call (with no data, if
    /// need be) goes on there. After a violation nothing more can be read.
    pub fn feed<B>(
        &mut self,
        mut data: &[u8],
        packet_bytes_max: usize,
        mut each: impl FnMut(Packet<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, Violation> {
        let mut used = 0;
        while used < self.partial.len() {
            let held = self.partial.get(used..).unwrap_or_default();
            let missing = missing(held, packet_bytes_max)?;
            if missing > 0 {
                // Only the packet that was cut is completed by copying; the rest is read in place.
                self.partial.drain(..used);
                used = 0;
                let Some((head, tail)) = data.split_at_checked(missing) else {
                    self.partial.extend_from_slice(data);
                    return Ok(ControlFlow::Continue(()));
                };
                self.partial.extend_from_slice(head);
                data = tail;
                continue;
            }
            let Some((packet, len)) = codec::decode(held, packet_bytes_max)? else { break };
            used += len;
            if let ControlFlow::Break(value) = each(packet) {
                self.partial.drain(..used);
                self.partial.extend_from_slice(data);
                return Ok(ControlFlow::Break(value));
            }
        }
        self.partial = Vec::new();
        while let Some((packet, len)) = codec::decode(data, packet_bytes_max)? {
            data = data.get(len..).unwrap_or_default();
            if let ControlFlow::Break(value) = each(packet) {
                self.partial.extend_from_slice(data);
                return Ok(ControlFlow::Break(value));
            }
        }
        self.partial.extend_from_slice(data);
        Ok(ControlFlow::Continue(()))
    }

    /// Bytes of a packet that is not complete.
    pub fn held_bytes(&self) -> usize {
        self.partial.len()
    }
}

/// How many bytes are needed before the packet at the front can be told or is whole.
fn missing(held: &[u8], packet_bytes_max: usize) -> Result<usize, Violation> {
    Ok(match codec::header(held, packet_bytes_max)? {
        None => 1,
        Some(header) => header.packet_bytes.saturating_sub(held.len()),
    })
}

#[cfg(test)]
mod tests;
