//! Takes messages apart.

use model::{Micros, Timestamp};

use super::{
    Config, check_deadline,
    pci::{FlowStatus, Frame, Pdu},
};
use crate::Error;

/// The sending end of a channel, for one message.
#[derive(Debug)]
pub struct Sender {
    config: Config,
    message: Vec<u8>,
    sent: usize,
    next: u8,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    /// For the peer's flow control.
    Waiting {
        deadline: Timestamp,
        waits: u8,
    },
    Sending {
        left_in_block: Option<u8>,
        separation: Micros,
        next_at: Timestamp,
    },
    Done,
}

impl Sender {
    pub fn new(config: Config, message: Vec<u8>) -> Result<Self, Error> {
        config.check()?;
        let (len, max) = (message.len(), config.message_bytes_max.min(u32::MAX as usize));
        if len == 0 {
            return Err(Error::IsoTp { problem: "a message has at least one byte" });
        }
        if len > max {
            return Err(Error::IsoTpLength { len, max });
        }
        Ok(Self { config, message, sent: 0, next: 1, state: State::Start })
    }

    /// The payload to send now, if there is one; call again until there is none. An error ends the
    /// message: the peer did not answer in time.
    pub fn poll(&mut self, now: Timestamp) -> Result<Option<Pdu>, Error> {
        match self.state {
            State::Start => Ok(Some(self.start(now))),
            State::Waiting { deadline, .. } => {
                check_deadline(deadline, now, &self.config).inspect_err(|_| self.state = State::Done)?;
                Ok(None)
            }
            State::Sending { next_at, .. } if now < next_at => Ok(None),
            State::Sending { left_in_block, separation, .. } => {
                Ok(Some(self.consecutive(now, left_in_block, separation)))
            }
            State::Done => Ok(None),
        }
    }

    /// Takes the payload of a frame with the peer's id; all but flow control is passed over.
    pub fn handle_frame(&mut self, now: Timestamp, payload: &[u8]) -> Result<(), Error> {
        let State::Waiting { deadline, waits } = self.state else { return Ok(()) };
        let frame = Frame::parse(payload, self.config.address)?;
        let Some(Frame::FlowControl { status, block_size, separation }) = frame else { return Ok(()) };
        check_deadline(deadline, now, &self.config).inspect_err(|_| self.state = State::Done)?;
        self.state = match status {
            FlowStatus::Continue => State::Sending {
                left_in_block: (block_size > 0).then_some(block_size),
                separation,
                next_at: now,
            },
            FlowStatus::Wait if waits < self.config.waits_max => {
                State::Waiting { deadline: now + self.config.timeout, waits: waits + 1 }
            }
            FlowStatus::Wait | FlowStatus::Overflow => {
                self.state = State::Done;
                return Err(Error::IsoTpRefused { len: self.message.len() });
            }
        };
        Ok(())
    }

    /// When [`poll`](Self::poll) wants to be called again; `None` when the message is done.
    pub fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Start => Some(now),
            State::Waiting { deadline, .. } => Some(deadline),
            State::Sending { next_at, .. } => Some(next_at),
            State::Done => None,
        }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn start(&mut self, now: Timestamp) -> Pdu {
        let len = self.message.len();
        let mut pdu = Pdu::new(&self.config);
        let head = pdu.len();
        let short = u8::try_from(len).ok().filter(|len| usize::from(*len) <= 7 - head);
        let long = u8::try_from(len).ok().filter(|len| usize::from(*len) + 2 + head <= self.config.frame_len);
        if let Some(len) = short {
            pdu.push(&[len]);
        } else if let Some(len) = long.filter(|_| self.config.frame_len > 8) {
            pdu.push(&[0, len]);
        } else {
            match u16::try_from(len).ok().filter(|len| *len <= 0xfff) {
                Some(len) => pdu.push(&(0x1000 | len).to_be_bytes()),
                None => {
                    pdu.push(&[0x10, 0]);
                    pdu.push(&u32::try_from(len).expect("the length was checked by new").to_be_bytes())
                }
            };
        }
        self.sent = pdu.fill(&self.message, &self.config);
        self.state = if self.sent == len {
            State::Done
        } else {
            State::Waiting { deadline: now + self.config.timeout, waits: 0 }
        };
        pdu.padded(&self.config)
    }

    fn consecutive(&mut self, now: Timestamp, left_in_block: Option<u8>, separation: Micros) -> Pdu {
        let mut pdu = Pdu::new(&self.config);
        pdu.push(&[0x20 | self.next]);
        self.sent += pdu.fill(self.message.get(self.sent..).unwrap_or_default(), &self.config);
        self.next = (self.next + 1) % 16;
        let left_in_block = left_in_block.map(|left| left - 1);
        self.state = if self.sent == self.message.len() {
            State::Done
        } else if left_in_block == Some(0) {
            State::Waiting { deadline: now + self.config.timeout, waits: 0 }
        } else {
            State::Sending { left_in_block, separation, next_at: now + separation }
        };
        pdu.padded(&self.config)
    }
}
