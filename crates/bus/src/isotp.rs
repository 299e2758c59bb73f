//! ISO 15765-2 (ISO-TP): messages of more than a frame, taken apart and put together.
//!
//! [`Receiver`] and [`Sender`] are state machines of one channel, that is one pair of CAN ids. They
//! are handed payloads and the time, and say what to send and when to ask again.

use model::{Micros, Timestamp};

use crate::{Error, FRAME_BYTES_MAX};

mod pci;
mod receiver;
mod sender;

pub use pci::Pdu;
pub use receiver::{Received, Receiver};
pub use sender::Sender;

/// What both ends of a channel agree on, and limits of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The byte that every payload begins with under extended or mixed addressing.
    pub address: Option<u8>,
    /// The length of the frames sent: 8, or a longer one of CAN FD.
    pub frame_len: usize,
    /// What fills frames that would be shorter than 8 bytes; `None` leaves them short.
    pub padding: Option<u8>,
    /// Longer messages are refused. Diagnostics fit 4,095 bytes; flashing does not.
    pub message_bytes_max: usize,
    /// Consecutive frames that the peer may send before it waits for us; 0 for all.
    pub block_size: u8,
    /// The least time between consecutive frames that we ask of the peer.
    pub separation: Micros,
    /// How long the peer may stay silent (`N_Bs` and `N_Cr`, 1,000 ms by the standard).
    pub timeout: Micros,
    /// How often in a row the peer may ask us to wait (`N_WFTmax`).
    pub waits_max: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            address: None,
            frame_len: 8,
            padding: Some(0),
            message_bytes_max: 4_095,
            block_size: 0,
            separation: Micros::ZERO,
            timeout: Micros::SECOND,
            waits_max: 10,
        }
    }
}

impl Config {
    fn check(&self) -> Result<(), Error> {
        let fits = matches!(self.frame_len, 8 | 12 | 16 | 20 | 24 | 32 | 48 | FRAME_BYTES_MAX);
        if fits { Ok(()) } else { Err(Error::FrameLength { len: self.frame_len }) }
    }
}

/// The earlier of a deadline that is due, as an error.
fn check_deadline(deadline: Timestamp, now: Timestamp, config: &Config) -> Result<(), Error> {
    if now < deadline { Ok(()) } else { Err(Error::IsoTpTimeout { waited: config.timeout }) }
}

#[cfg(test)]
mod tests;
