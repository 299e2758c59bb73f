//! CAN and CAN FD frames as they were on a bus.

use std::{fmt, str::FromStr};

use embedded_can::{ExtendedId, Id, StandardId};
use model::Timestamp;

use crate::Error;

/// The payload of the longest CAN FD frame.
pub const FRAME_BYTES_MAX: usize = 64;

const EXTENDED: u32 = 1 << 31;

/// A CAN identifier of 11 or 29 bits. Standard ids order before extended ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanId(u32);

impl CanId {
    /// An 11-bit id; `None` above `7FF`.
    pub const fn standard(id: u16) -> Option<Self> {
        if id <= 0x7ff { Some(Self(id as u32)) } else { None }
    }

    /// A 29-bit id; `None` above `1FFFFFFF`.
    pub const fn extended(id: u32) -> Option<Self> {
        if id <= 0x1fff_ffff { Some(Self(id | EXTENDED)) } else { None }
    }

    pub const fn is_extended(self) -> bool {
        self.0 & EXTENDED != 0
    }

    /// The identifier's bits, without what tells 11 from 29 of them.
    pub const fn bits(self) -> u32 {
        self.0 & !EXTENDED
    }
}

impl fmt::Display for CanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_extended() { write!(f, "{:08X}", self.bits()) } else { write!(f, "{:03X}", self.bits()) }
    }
}

impl fmt::Debug for CanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanId({self})")
    }
}

/// As candump writes it: up to 3 hexadecimal digits are a standard id, 8 an extended one.
impl FromStr for CanId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let error = || Error::Id { text: text.chars().take(16).collect() };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        let id = u32::from_str_radix(text, 16).map_err(|_| error())?;
        let id = match text.len() {
            1..=3 => u16::try_from(id).ok().and_then(Self::standard),
            8 => Self::extended(id),
            _ => None,
        };
        id.ok_or_else(error)
    }
}

impl From<Id> for CanId {
    fn from(id: Id) -> Self {
        match id {
            Id::Standard(id) => Self(u32::from(id.as_raw())),
            Id::Extended(id) => Self(id.as_raw() | EXTENDED),
        }
    }
}

impl From<CanId> for Id {
    fn from(id: CanId) -> Self {
        if id.is_extended() {
            Self::Extended(ExtendedId::new(id.bits()).expect("a CanId's 29 bits are checked when it is made"))
        } else {
            let bits = u16::try_from(id.bits()).ok().and_then(StandardId::new);
            Self::Standard(bits.expect("a CanId's 11 bits are checked when it is made"))
        }
    }
}

/// What a frame is besides its id and payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// Classic CAN, 0 to 8 bytes.
    Classic,
    /// Classic CAN without payload, asking for a frame of that id.
    Remote,
    /// CAN FD; `fast` when the payload came at the higher bit rate.
    Fd { fast: bool },
}

/// A frame of one bus of the car at one time. It holds no allocation and can be copied.
#[derive(Clone, Copy)]
pub struct CanFrame {
    /// When the frame was seen.
    pub time: Timestamp,
    /// Which of the car's buses (or the log's interfaces) it was on, from 0.
    pub channel: u8,
    id: CanId,
    kind: FrameKind,
    len: u8,
    data: [u8; FRAME_BYTES_MAX],
}

impl CanFrame {
    /// A data frame: classic up to 8 bytes, else CAN FD, whose lengths are 12, 16, 20, 24, 32, 48, 64.
    pub fn new(id: CanId, data: &[u8]) -> Result<Self, Error> {
        let kind = if data.len() <= 8 { FrameKind::Classic } else { FrameKind::Fd { fast: false } };
        Self::with_kind(id, kind, data)
    }

    /// A CAN FD frame, also of 8 bytes and less.
    pub fn fd(id: CanId, data: &[u8], fast: bool) -> Result<Self, Error> {
        Self::with_kind(id, FrameKind::Fd { fast }, data)
    }

    /// A remote frame that asks for `len` bytes, 0 to 8.
    pub fn remote(id: CanId, len: usize) -> Result<Self, Error> {
        let asked = [0; 8];
        let asked = asked.get(..len).ok_or(Error::FrameLength { len })?;
        Self::with_kind(id, FrameKind::Remote, asked)
    }

    #[must_use]
    pub fn at(self, time: Timestamp) -> Self {
        Self { time, ..self }
    }

    #[must_use]
    pub fn on(self, channel: u8) -> Self {
        Self { channel, ..self }
    }

    pub fn id(&self) -> CanId {
        self.id
    }

    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The payload; empty for a remote frame.
    pub fn data(&self) -> &[u8] {
        let len = if self.kind == FrameKind::Remote { 0 } else { usize::from(self.len) };
        self.data.get(..len).expect("a frame's length is at most 64")
    }

    pub fn data_mut(&mut self) -> &mut [u8] {
        let len = if self.kind == FrameKind::Remote { 0 } else { usize::from(self.len) };
        self.data.get_mut(..len).expect("a frame's length is at most 64")
    }

    fn with_kind(id: CanId, kind: FrameKind, payload: &[u8]) -> Result<Self, Error> {
        let len = payload.len();
        let fits = match kind {
            FrameKind::Classic | FrameKind::Remote => len <= 8,
            FrameKind::Fd { .. } => matches!(len, 0..=8 | 12 | 16 | 20 | 24 | 32 | 48 | 64),
        };
        let (Ok(short), true) = (u8::try_from(len), fits) else {
            return Err(Error::FrameLength { len });
        };
        let mut data = [0; FRAME_BYTES_MAX];
        data[..len].copy_from_slice(payload);
        Ok(Self { time: Timestamp(0), channel: 0, id, kind, len: short, data })
    }
}

impl PartialEq for CanFrame {
    fn eq(&self, other: &Self) -> bool {
        let key = |frame: &Self| (frame.time, frame.channel, frame.id, frame.kind, frame.len);
        key(self) == key(other) && self.data() == other.data()
    }
}

impl Eq for CanFrame {}

impl fmt::Debug for CanFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanFrame({} ch{} {} {:?} ", self.time.0, self.channel, self.id, self.kind)?;
        self.data().iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
        f.write_str(")")
    }
}

impl embedded_can::Frame for CanFrame {
    fn new(id: impl Into<Id>, data: &[u8]) -> Option<Self> {
        Self::with_kind(id.into().into(), FrameKind::Classic, data).ok()
    }

    fn new_remote(id: impl Into<Id>, dlc: usize) -> Option<Self> {
        Self::remote(id.into().into(), dlc).ok()
    }

    fn is_extended(&self) -> bool {
        self.id.is_extended()
    }

    fn is_remote_frame(&self) -> bool {
        self.kind == FrameKind::Remote
    }

    fn id(&self) -> Id {
        self.id.into()
    }

    fn dlc(&self) -> usize {
        usize::from(self.len)
    }

    fn data(&self) -> &[u8] {
        Self::data(self)
    }
}

#[cfg(test)]
mod tests;
