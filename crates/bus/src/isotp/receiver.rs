//! Puts messages together.

use model::Timestamp;

use super::{
    Config, check_deadline,
    pci::{FlowStatus, Frame, Pdu},
};
use crate::Error;

/// What a frame led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Nothing to do: more frames are to come, or it was not for us.
    Pending,
    /// A whole message.
    Message(Vec<u8>),
    /// The peer waits for this answer. Who only listens drops it.
    Reply(Pdu),
    /// The peer announced a message over the limit; the answer tells it so.
    Refused { len: u32, reply: Pdu },
}

/// The receiving end of a channel.
#[derive(Debug)]
pub struct Receiver {
    config: Config,
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    message: Vec<u8>,
    len: usize,
    next: u8,
    /// Frames until the peer waits for us.
    left_in_block: Option<u8>,
    deadline: Timestamp,
}

impl Receiver {
    pub fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        Ok(Self { config, partial: None })
    }

    /// Takes the payload of a frame with the peer's id. After an error the message is given up and
    /// the next one can begin.
    pub fn handle_frame(&mut self, now: Timestamp, payload: &[u8]) -> Result<Received, Error> {
        let frame = match Frame::parse(payload, self.config.address) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(Received::Pending),
            Err(error) => {
                self.partial = None;
                return Err(error);
            }
        };
        match frame {
            // A new message ends one that was under way (ISO 15765-2, 9.8.3).
            Frame::Single(data) => {
                self.partial = None;
                self.deliver_single(data)
            }
            Frame::First { len, data } => Ok(self.begin(now, len, data)),
            Frame::Consecutive { number, data } => self.go_on(now, number, data),
            Frame::FlowControl { .. } => Ok(Received::Pending),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.partial.as_ref().map(|partial| partial.deadline)
    }

    /// Gives up a message whose next frame is overdue.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Result<(), Error> {
        let Some(deadline) = self.next_deadline() else { return Ok(()) };
        check_deadline(deadline, now, &self.config).inspect_err(|_| self.partial = None)
    }

    fn deliver_single(&self, data: &[u8]) -> Result<Received, Error> {
        if data.len() > self.config.message_bytes_max {
            return Err(Error::IsoTpLength { len: data.len(), max: self.config.message_bytes_max });
        }
        Ok(Received::Message(data.to_vec()))
    }

    fn begin(&mut self, now: Timestamp, len: u32, data: &[u8]) -> Received {
        self.partial = None;
        let fits = usize::try_from(len).ok().filter(|len| *len <= self.config.message_bytes_max);
        let Some(len_bytes) = fits else {
            return Received::Refused { len, reply: Pdu::flow_control(FlowStatus::Overflow, &self.config) };
        };
        // The announced length is the peer's word; memory follows what it really sends.
        self.partial = Some(Partial {
            message: data.to_vec(),
            len: len_bytes,
            next: 1,
            left_in_block: self.block(),
            deadline: now + self.config.timeout,
        });
        Received::Reply(Pdu::flow_control(FlowStatus::Continue, &self.config))
    }

    fn go_on(&mut self, now: Timestamp, number: u8, data: &[u8]) -> Result<Received, Error> {
        let block = self.block();
        // One that belongs to nothing is passed over (ISO 15765-2, 9.8.3).
        let Some(mut partial) = self.partial.take() else { return Ok(Received::Pending) };
        check_deadline(partial.deadline, now, &self.config)?;
        if number != partial.next {
            return Err(Error::IsoTpSequence { expected: partial.next, got: number });
        }
        if data.is_empty() {
            return Err(Error::IsoTp { problem: "a consecutive frame holds no data" });
        }
        let missing = partial.len - partial.message.len();
        partial.message.extend_from_slice(data.get(..missing).unwrap_or(data));
        if partial.message.len() == partial.len {
            return Ok(Received::Message(partial.message));
        }
        partial.next = (partial.next + 1) % 16;
        partial.deadline = now + self.config.timeout;
        let left = partial.left_in_block.map(|left| left - 1);
        let block_ends = left == Some(0);
        partial.left_in_block = if block_ends { block } else { left };
        self.partial = Some(partial);
        if block_ends {
            return Ok(Received::Reply(Pdu::flow_control(FlowStatus::Continue, &self.config)));
        }
        Ok(Received::Pending)
    }

    fn block(&self) -> Option<u8> {
        (self.config.block_size > 0).then_some(self.config.block_size)
    }
}
