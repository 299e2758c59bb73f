//! The protocol control information at the head of each frame (ISO 15765-2, 9.6).

use std::ops::Deref;

use model::Micros;

use super::Config;
use crate::{Error, FRAME_BYTES_MAX};

/// A payload to send.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pdu {
    len: usize,
    bytes: [u8; FRAME_BYTES_MAX],
}

impl Deref for Pdu {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl std::fmt::Debug for Pdu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl Pdu {
    pub(super) fn new(config: &Config) -> Self {
        let mut pdu = Self { len: 0, bytes: [0; FRAME_BYTES_MAX] };
        pdu.push(config.address.as_slice());
        pdu
    }

    /// Appends what fits and says how much that was.
    pub(super) fn push(&mut self, bytes: &[u8]) -> usize {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let count = bytes.len().min(room.len());
        for (slot, byte) in room.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        self.len += count;
        count
    }

    /// Appends no more than makes a frame of the configured length.
    pub(super) fn fill(&mut self, bytes: &[u8], config: &Config) -> usize {
        let room = config.frame_len.saturating_sub(self.len);
        self.push(bytes.get(..room).unwrap_or(bytes))
    }

    /// Pads to 8 bytes when configured, and above 8 to a length that CAN FD has, which is not a choice.
    pub(super) fn padded(mut self, config: &Config) -> Self {
        let target = match (self.len, config.padding) {
            (0..=8, None) => self.len,
            (0..=8, Some(_)) => 8,
            (9..=24, _) => self.len.next_multiple_of(4),
            (25..=32, _) => 32,
            (33..=48, _) => 48,
            _ => FRAME_BYTES_MAX,
        };
        let padding = [config.padding.unwrap_or(0xcc); FRAME_BYTES_MAX];
        self.push(padding.get(..target - self.len).unwrap_or_default());
        self
    }

    pub(super) fn flow_control(status: FlowStatus, config: &Config) -> Self {
        let mut pdu = Self::new(config);
        let status = match status {
            FlowStatus::Continue => 0,
            FlowStatus::Wait => 1,
            FlowStatus::Overflow => 2,
        };
        pdu.push(&[0x30 | status, config.block_size, separation_byte(config.separation)]);
        pdu.padded(config)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlowStatus {
    Continue,
    Wait,
    Overflow,
}

/// A frame of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Single(&'a [u8]),
    First { len: u32, data: &'a [u8] },
    Consecutive { number: u8, data: &'a [u8] },
    FlowControl { status: FlowStatus, block_size: u8, separation: Micros },
}

impl<'a> Frame<'a> {
    /// `None` when the payload is for another address.
    pub(super) fn parse(payload: &'a [u8], address: Option<u8>) -> Result<Option<Self>, Error> {
        let refuse = |problem| Err(Error::IsoTp { problem });
        let rest = match (address, payload.split_first()) {
            (None, _) => payload,
            (Some(address), Some((first, rest))) if *first == address => rest,
            (Some(_), _) => return Ok(None),
        };
        let Some((&head, rest)) = rest.split_first() else { return refuse("the frame is empty") };
        let low = head & 0x0f;
        let frame = match head >> 4 {
            0 => parse_single(low, rest, payload.len())?,
            1 => parse_first(low, rest)?,
            2 => Self::Consecutive { number: low, data: rest },
            3 => {
                let &[block_size, separation, ..] = rest else {
                    return refuse("a flow control frame has 3 bytes");
                };
                let status = match low {
                    0 => FlowStatus::Continue,
                    1 => FlowStatus::Wait,
                    2 => FlowStatus::Overflow,
                    _ => return refuse("a flow status is 0, 1 or 2"),
                };
                Self::FlowControl { status, block_size, separation: separation_of(separation) }
            }
            _ => return refuse("the frame's type is 0, 1, 2 or 3"),
        };
        Ok(Some(frame))
    }
}

fn parse_single(low: u8, rest: &[u8], frame_len: usize) -> Result<Frame<'_>, Error> {
    // In frames of more than 8 bytes the length has a byte of its own.
    let (len, data) = match (low, rest.split_first()) {
        (0, Some((len, data))) if frame_len > 8 => (*len, data),
        _ => (low, rest),
    };
    let data = data.get(..usize::from(len)).filter(|data| !data.is_empty());
    data.map(Frame::Single).ok_or(Error::IsoTp { problem: "a single frame's length is not that of its data" })
}

fn parse_first(low: u8, rest: &[u8]) -> Result<Frame<'_>, Error> {
    let problem = Error::IsoTp { problem: "a first frame is too short" };
    let Some((&second, data)) = rest.split_first() else { return Err(problem) };
    let short = u32::from(low) << 8 | u32::from(second);
    let (len, data) = match (short, data.split_first_chunk()) {
        (0, Some((len, data))) => (u32::from_be_bytes(*len), data),
        (0, None) => return Err(problem),
        (len, _) => (len, data),
    };
    if data.is_empty() || len as usize <= data.len() {
        return Err(Error::IsoTp { problem: "a first frame announces no more than it holds" });
    }
    Ok(Frame::First { len, data })
}

/// `STmin`: 0 to 127 ms, or F1 to F9 for 100 to 900 µs; what is reserved counts as the longest.
fn separation_of(byte: u8) -> Micros {
    match byte {
        0..=0x7f => Micros::from_millis(i64::from(byte)),
        0xf1..=0xf9 => Micros(i64::from(byte - 0xf0) * 100),
        _ => Micros::from_millis(127),
    }
}

/// Rounded up, so that the peer is never faster than asked.
fn separation_byte(separation: Micros) -> u8 {
    let micros = separation.0.clamp(0, 127_000);
    if (1..=900).contains(&micros) {
        return 0xf0 + u8::try_from((micros + 99) / 100).expect("900 µs are 9 hundreds");
    }
    u8::try_from((micros + 999) / 1_000).expect("127,000 µs are 127 ms")
}
