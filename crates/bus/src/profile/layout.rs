//! An architecture's frames: the bus's own layout of each, where it is known from, and how often it comes.

use std::sync::Arc;

use model::Micros;

use super::file::{FrameFile, RoleFile, SignalFile};
use crate::{ByteOrder, CanId, Error, Message, Number, Signal, SignalCoding};

/// Where a frame's layout is known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A DBC file of the opendbc project, by its name without the ending.
    OpenDbc(Arc<str>),
    /// A frame of PSA-RE, by its path below `buses`, without the ending.
    PsaRe(Arc<str>),
    /// Ours: an extension frame that no car on the road sends.
    Marque,
    /// A DBC file that the user gave.
    External,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("opendbc", name)) => Some(Self::OpenDbc(name.into())),
            Some(("psa_re", path)) => Some(Self::PsaRe(path.into())),
            Some(_) => None,
            None => (text == "marque").then_some(Self::Marque),
        }
    }
}

/// A frame of an architecture. Its signals and their bits are in the [`Message`] of the same place.
#[derive(Debug, Clone)]
pub struct Frame {
    pub name: Arc<str>,
    pub origin: Origin,
    /// The bus that it must come from, when its id means something else on another.
    pub channel: Option<u8>,
    /// How often it comes; zero when it comes on an event.
    pub cycle: Micros,
    /// By signal: raw bits that say that there is no value.
    pub(super) not_available: Vec<Option<u64>>,
    /// The signal that counts the frames.
    pub(super) counter: Option<usize>,
}

/// Reads one frame of a file.
pub(super) fn frame(file: &FrameFile) -> Result<(Frame, Message), String> {
    let problem = |problem: &dyn std::fmt::Display| format!("frame `{}`: {problem}", file.name);
    let origin = Origin::parse(&file.origin).ok_or_else(|| {
        problem(&format!("unknown origin `{}`; use opendbc:FILE, psa_re:PATH or marque", file.origin))
    })?;
    let id = if file.id <= 0x7ff {
        u16::try_from(file.id).ok().and_then(CanId::standard)
    } else {
        CanId::extended(file.id)
    };
    let id = id.ok_or_else(|| problem(&"a CAN id has at most 29 bits"))?;
    let mut signals = Vec::with_capacity(file.signals.len());
    let mut not_available = Vec::with_capacity(file.signals.len());
    let mut counter = None;
    for (index, (name, text)) in file.signals.iter().enumerate() {
        let coding = text.coding().map_err(|error| problem(&format!("signal `{name}`: {error}")))?;
        let mut signal = Signal::new(name, coding);
        signal.unit = text.unit.as_str().into();
        for (raw, meaning) in &text.values {
            let raw = raw.parse().map_err(|_| problem(&format!("signal `{name}`: `{raw}` is no number")))?;
            signal.values.push((raw, meaning.as_str().into()));
        }
        signal.values.sort();
        match text.role {
            Some(RoleFile::Counter) => counter = Some(index),
            None => {}
        }
        not_available.push(text.na.map(|bits| coding.extend(bits & coding.mask())));
        signals.push(signal);
    }
    let message = Message::new(id, &file.name, file.length, signals).map_err(|error| error.to_string())?;
    let cycle = Micros::from_millis(i64::from(file.cycle_ms));
    let name = Arc::clone(message.name());
    Ok((Frame { name, origin, channel: file.channel, cycle, not_available, counter }, message))
}

impl SignalFile {
    fn coding(&self) -> Result<SignalCoding, Error> {
        coding(&self.bits, self.factor, self.offset)
    }
}

/// Reads `start|length@order sign`.
pub(super) fn coding(bits: &str, factor: f64, offset: f64) -> Result<SignalCoding, Error> {
    let refuse = || Error::Profile {
        profile: bits.to_owned(),
        problem: "bits are written `start|length@order sign`, as in `7|16@0+`".to_owned(),
    };
    let (start, rest) = bits.split_once('|').ok_or_else(refuse)?;
    let (length, rest) = rest.split_once('@').ok_or_else(refuse)?;
    let (order, number) = match rest {
        "0+" => (ByteOrder::BigEndian, Number::Unsigned),
        "0-" => (ByteOrder::BigEndian, Number::Signed),
        "1+" => (ByteOrder::LittleEndian, Number::Unsigned),
        "1-" => (ByteOrder::LittleEndian, Number::Signed),
        _ => return Err(refuse()),
    };
    let start = start.parse().map_err(|_| refuse())?;
    let length = length.parse().map_err(|_| refuse())?;
    SignalCoding::new(start, length, order, number, factor, offset)
}
