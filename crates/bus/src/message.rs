//! A message: the signals that one CAN id carries, decoded by a plan made once.

use std::{ops::RangeInclusive, sync::Arc};

use crate::{ByteOrder, CanFrame, CanId, Error, FRAME_BYTES_MAX, Number, SignalCoding};

/// One signal of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    pub name: Arc<str>,
    pub coding: SignalCoding,
    /// For a multiplexed signal: when it is in the payload.
    pub selector: Option<Selector>,
    /// As the database spells it; empty for none.
    pub unit: Arc<str>,
    /// The least and greatest physical value that its author foresaw.
    pub limits: Option<(f64, f64)>,
    /// What single raw numbers mean.
    pub values: Vec<(i64, Arc<str>)>,
    pub comment: Arc<str>,
}

impl Signal {
    /// A signal that is in every payload, without unit, limits and named values.
    pub fn new(name: &str, coding: SignalCoding) -> Self {
        Self {
            name: name.into(),
            coding,
            selector: None,
            unit: "".into(),
            limits: None,
            values: Vec::new(),
            comment: "".into(),
        }
    }

    /// What a raw number means, if it has a name.
    pub fn value_name(&self, raw: i64) -> Option<&Arc<str>> {
        self.values.iter().find(|(value, _)| *value == raw).map(|(_, name)| name)
    }
}

/// A multiplexed signal is in the payload when the bits of another signal are in one of the ranges.
/// That signal may be multiplexed itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The multiplexor's position in its message.
    pub signal: usize,
    /// Of the multiplexor's bits, read as an unsigned number.
    pub values: Vec<RangeInclusive<u64>>,
}

/// A signal as it was found in a payload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decoded {
    /// The signal's position in its message.
    pub signal: usize,
    /// As [`SignalCoding::raw`] gives it.
    pub raw: u64,
    /// The physical value in the signal's unit.
    pub value: f64,
}

/// Fills in what a frame says about itself (a rolling counter, a checksum) once its values stand.
pub trait Seal {
    fn seal(&mut self, message: &Message, data: &mut [u8]);
}

/// For messages that carry neither counter nor checksum.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSeal;

impl Seal for NoSeal {
    fn seal(&mut self, _message: &Message, _data: &mut [u8]) {}
}

/// The layout of the payload of one CAN id.
#[derive(Debug, Clone)]
pub struct Message {
    id: CanId,
    name: Arc<str>,
    len: usize,
    signals: Vec<Signal>,
    plan: Plan,
}

impl Message {
    /// Checks names, lengths and multiplexors, and makes the decode plan.
    ///
    /// `len` is the payload's length in bytes. A signal beyond it is decoded from longer frames and
    /// cannot be encoded; some databases state their lengths too short.
    pub fn new(id: CanId, name: &str, len: usize, signals: Vec<Signal>) -> Result<Self, Error> {
        let refuse = |problem: String| Err(Error::Message { message: name.to_owned(), problem });
        if len > FRAME_BYTES_MAX {
            return refuse(format!("a frame carries at most {FRAME_BYTES_MAX} bytes; got {len}"));
        }
        for (index, signal) in signals.iter().enumerate() {
            if signals.iter().take(index).any(|other| other.name == signal.name) {
                return refuse(format!("signal `{}` stands twice", signal.name));
            }
            if !selectors_end(&signals, index) {
                return refuse(format!(
                    "the multiplexor of `{}` is unknown, a float or in a ring",
                    signal.name
                ));
            }
        }
        let plan = Plan::new(&signals);
        Ok(Self { id, name: name.into(), len, signals, plan })
    }

    pub fn id(&self) -> CanId {
        self.id
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The payload's length in bytes.
    pub fn payload_len(&self) -> usize {
        self.len
    }

    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// A signal and its position.
    pub fn signal(&self, name: &str) -> Option<(usize, &Signal)> {
        self.signals.iter().enumerate().find(|(_, signal)| *signal.name == *name)
    }

    /// Hands each signal that the payload holds to `emit`, in the message's order. Signals that a
    /// multiplexor leaves out or that a short payload cuts off are passed over.
    #[inline]
    pub fn decode(&self, data: &[u8], mut emit: impl FnMut(Decoded)) {
        let words = Words::load(data);
        if self.plan.direct && data.len() >= self.plan.bytes_needed {
            for (signal, op) in self.plan.ops.iter().enumerate() {
                let raw = op.raw(&words);
                emit(Decoded { signal, raw, value: op.value(raw) });
            }
            return;
        }
        for (index, op) in self.plan.ops.iter().enumerate() {
            if let Some(raw) = self.raw(index, op, &words, data) {
                emit(Decoded { signal: index, raw, value: op.value(raw) });
            }
        }
    }

    /// One signal's raw number and value, if the payload holds it.
    pub fn decode_signal(&self, signal: usize, data: &[u8]) -> Option<Decoded> {
        let op = self.plan.ops.get(signal)?;
        let raw = self.raw(signal, op, &Words::load(data), data)?;
        Some(Decoded { signal, raw, value: op.value(raw) })
    }

    /// Whether the payload's multiplexors say that the signal is in it.
    pub fn is_selected(&self, signal: usize, data: &[u8]) -> bool {
        let mut at = signal;
        loop {
            let Some(signal) = self.signals.get(at) else { return false };
            let Some(selector) = &signal.selector else { return true };
            let bits = self.signals.get(selector.signal).and_then(|switch| switch.coding.bits(data));
            if !bits.is_some_and(|bits| selector.values.iter().any(|range| range.contains(&bits))) {
                return false;
            }
            at = selector.signal;
        }
    }

    /// Writes values into a payload whose other bits stay. The multiplexors that the signals need
    /// are set too, unless they are among the values.
    pub fn encode_into(&self, data: &mut [u8], values: &[(usize, f64)]) -> Result<(), Error> {
        for (index, bits) in self.multiplexors_for(values)? {
            let Some(signal) = self.signals.get(index) else { continue };
            signal.coding.set_raw(data, bits).map_err(|error| self.encode_error(index, error))?;
        }
        for (index, value) in values {
            let signal = self.signals.get(*index).ok_or_else(|| self.unknown(&index.to_string()))?;
            signal.coding.encode(data, *value).map_err(|error| self.encode_error(*index, error))?;
        }
        match values.iter().find(|(index, _)| !self.is_selected(*index, data)) {
            None => Ok(()),
            Some((index, _)) => Err(self.conflict(*index, "the multiplexor's value")),
        }
    }

    /// A frame that carries the values; all other bits are zero but for what `seal` fills in.
    pub fn encode(&self, values: &[(usize, f64)], seal: &mut impl Seal) -> Result<CanFrame, Error> {
        let mut payload = [0; FRAME_BYTES_MAX];
        let data = payload.get_mut(..self.len).expect("a message's length is checked when it is made");
        self.encode_into(data, values)?;
        seal.seal(self, data);
        CanFrame::new(self.id, payload.get(..fd_len(self.len)).expect("CAN FD has lengths up to 64"))
    }

    /// As [`Message::encode`], by the signals' names.
    pub fn encode_named(&self, values: &[(&str, f64)], seal: &mut impl Seal) -> Result<CanFrame, Error> {
        let find = |(name, value): &(&str, f64)| {
            self.signal(name).map(|(index, _)| (index, *value)).ok_or_else(|| self.unknown(name))
        };
        let values = values.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        self.encode(&values, seal)
    }

    #[inline]
    fn raw(&self, index: usize, op: &Op, words: &Words, data: &[u8]) -> Option<u64> {
        if data.len() < usize::from(op.bytes_needed) || (op.selected && !self.is_selected(index, data)) {
            return None;
        }
        match op.place {
            Place::LittleEndian | Place::BigEndian => Some(op.raw(words)),
            Place::Beyond => self.signals.get(index)?.coding.raw(data),
        }
    }

    /// The multiplexors that the signals need and the values do not give, with bits that suit all.
    fn multiplexors_for(&self, values: &[(usize, f64)]) -> Result<Vec<(usize, u64)>, Error> {
        let mut needs: Vec<(usize, Vec<(usize, &Selector)>)> = Vec::new();
        for (index, _) in values {
            let mut at = *index;
            while let Some(selector) = self.signals.get(at).and_then(|signal| signal.selector.as_ref()) {
                match needs.iter_mut().find(|(switch, _)| *switch == selector.signal) {
                    Some((_, wants)) => wants.push((at, selector)),
                    None => needs.push((selector.signal, vec![(at, selector)])),
                }
                at = selector.signal;
            }
        }
        needs.retain(|(switch, _)| !values.iter().any(|(index, _)| index == switch));
        needs.into_iter().map(|(switch, wants)| Ok((switch, self.bits_for_all(&wants)?))).collect()
    }

    /// The least number that every selector takes: it is the start of one of their ranges.
    fn bits_for_all(&self, wants: &[(usize, &Selector)]) -> Result<u64, Error> {
        let takes =
            |selector: &Selector, bits: &u64| selector.values.iter().any(|range| range.contains(bits));
        let starts =
            wants.iter().flat_map(|(_, selector)| selector.values.iter().map(|range| *range.start()));
        if let Some(bits) =
            starts.filter(|bits| wants.iter().all(|(_, selector)| takes(selector, bits))).min()
        {
            return Ok(bits);
        }
        let first = wants.first().map_or(0, |(signal, _)| *signal);
        let second = wants.last().map_or(0, |(signal, _)| *signal);
        Err(self.conflict(first, &format!("`{}`", self.name_of(second))))
    }

    fn conflict(&self, first: usize, second: &str) -> Error {
        Error::Multiplex {
            message: self.name.to_string(),
            first: format!("`{}`", self.name_of(first)),
            second: second.to_owned(),
        }
    }

    fn name_of(&self, signal: usize) -> &str {
        self.signals.get(signal).map_or("", |signal| &signal.name)
    }

    fn unknown(&self, signal: &str) -> Error {
        Error::UnknownSignal { message: self.name.to_string(), signal: signal.to_owned() }
    }

    fn encode_error(&self, signal: usize, source: Error) -> Error {
        Error::Encode {
            message: self.name.to_string(),
            signal: self.name_of(signal).to_owned(),
            source: Box::new(source),
        }
    }
}

/// Everything that decoding needs, computed once.
#[derive(Debug, Clone)]
struct Plan {
    ops: Vec<Op>,
    /// No signal is multiplexed or stands beyond the first 8 bytes.
    direct: bool,
    /// By the signal that reaches furthest.
    bytes_needed: usize,
}

impl Plan {
    fn new(signals: &[Signal]) -> Self {
        let ops: Vec<_> = signals.iter().map(Op::new).collect();
        let direct = ops.iter().all(|op| !op.selected && op.place != Place::Beyond);
        let bytes_needed = ops.iter().map(|op| usize::from(op.bytes_needed)).max().unwrap_or_default();
        Self { ops, direct, bytes_needed }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    LittleEndian,
    BigEndian,
    /// Not within the first 8 bytes.
    Beyond,
}

#[derive(Debug, Clone, Copy)]
struct Op {
    factor: f64,
    offset: f64,
    place: Place,
    number: Number,
    shift: u8,
    /// 64 less the signal's length.
    unused: u8,
    bytes_needed: u8,
    selected: bool,
}

impl Op {
    fn new(signal: &Signal) -> Self {
        let coding = &signal.coding;
        let shift = coding.word_shift();
        let place = match (shift, coding.byte_order()) {
            (None, ByteOrder::LittleEndian | ByteOrder::BigEndian) => Place::Beyond,
            (Some(_), ByteOrder::LittleEndian) => Place::LittleEndian,
            (Some(_), ByteOrder::BigEndian) => Place::BigEndian,
        };
        Self {
            factor: coding.factor(),
            offset: coding.offset(),
            place,
            number: coding.number(),
            shift: shift.unwrap_or_default(),
            unused: 64 - coding.length(),
            bytes_needed: u8::try_from(coding.bytes_needed()).expect("a payload has at most 64 bytes"),
            selected: signal.selector.is_some(),
        }
    }

    #[inline]
    fn raw(&self, words: &Words) -> u64 {
        let word = match self.place {
            Place::LittleEndian => words.little,
            Place::BigEndian | Place::Beyond => words.big,
        };
        let top = word >> self.shift << self.unused;
        match self.number {
            Number::Signed => (top.cast_signed() >> self.unused).cast_unsigned(),
            Number::Unsigned | Number::Float32 | Number::Float64 => top >> self.unused,
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a float of 32 bits stands in the low half")]
    fn value(&self, raw: u64) -> f64 {
        let number = match self.number {
            Number::Unsigned => raw as f64,
            Number::Signed => raw.cast_signed() as f64,
            Number::Float32 => f64::from(f32::from_bits(raw as u32)),
            Number::Float64 => f64::from_bits(raw),
        };
        number * self.factor + self.offset
    }
}

/// The first 8 payload bytes as a number in both byte orders; missing bytes are zero.
struct Words {
    little: u64,
    big: u64,
}

impl Words {
    #[inline]
    fn load(data: &[u8]) -> Self {
        let bytes = match data.first_chunk() {
            Some(bytes) => *bytes,
            None => {
                let mut bytes = [0; 8];
                bytes[..data.len()].copy_from_slice(data);
                bytes
            }
        };
        Self { little: u64::from_le_bytes(bytes), big: u64::from_be_bytes(bytes) }
    }
}

/// Whether the chain of multiplexors from this signal ends at one that is in every payload.
fn selectors_end(signals: &[Signal], index: usize) -> bool {
    let mut at = index;
    for _ in 0..=signals.len() {
        let Some(signal) = signals.get(at) else { return false };
        if at != index && matches!(signal.coding.number(), Number::Float32 | Number::Float64) {
            return false;
        }
        match &signal.selector {
            None => return true,
            Some(selector) => at = selector.signal,
        }
    }
    false
}

/// The shortest frame that carries so many bytes.
fn fd_len(len: usize) -> usize {
    match len {
        0..=8 => len,
        9..=24 => len.next_multiple_of(4),
        25..=32 => 32,
        33..=48 => 48,
        _ => FRAME_BYTES_MAX,
    }
}

#[cfg(test)]
mod tests;
