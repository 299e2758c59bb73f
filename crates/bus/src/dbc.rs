//! Reads DBC files into a [`Database`].

use std::{borrow::Cow, collections::HashMap};

use can_dbc::{Comment, Dbc, MessageId, MultiplexIndicator, SignalExtendedValueType, ValueDescription};

use crate::{
    ByteOrder, CanId, Database, Error, FRAME_BYTES_MAX, Message, Number, Selector, Signal, SignalCoding,
};

/// A database as it was read, and what of the file could not be used.
#[derive(Debug, Clone)]
pub struct Read {
    pub database: Database,
    /// Signals that the file describes and that no message carries.
    pub loose: Vec<Signal>,
    /// Sentences for the file's author, in the file's order.
    pub warnings: Vec<String>,
}

/// Reads a DBC file. Its text is UTF-8 with or without byte order mark, else Windows-1252.
///
/// A message or signal that no frame can carry is left out with a warning; only a file that is no
/// DBC at all, or gives one id to two messages, is an error.
pub fn read(bytes: &[u8]) -> Result<Read, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let problem = |problem: String| Error::Dbc { problem };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => can_dbc::decode_cp1252(bytes).ok_or_else(|| problem("its text is not readable".into()))?,
    };
    let dbc = Dbc::try_from(&*widen_ids(&text)).map_err(|error| problem(error.to_string()))?;
    let facts = Facts::collect(&dbc);
    let mut warnings = Vec::new();
    let mut messages = Vec::new();
    let mut loose = Vec::new();
    for message in &dbc.messages {
        if message.name == LOOSE_SIGNALS {
            loose.extend(read_signals(message, &facts, &mut warnings).into_iter().map(|(_, signal)| signal));
        } else {
            messages.extend(read_message(message, &facts, &mut warnings));
        }
    }
    Ok(Read { database: Database::new(messages)?, loose, warnings })
}

/// The format's place for signals that no message carries.
const LOOSE_SIGNALS: &str = "VECTOR__INDEPENDENT_SIG_MSG";

/// What stands before a message's id at the begin of a line.
const BEFORE_ID: [&str; 5] = ["BO_ ", "VAL_ ", "CM_ SG_ ", "SIG_VALTYPE_ ", "SG_MUL_VAL_ "];

const EXTENDED: u32 = 1 << 31;

/// Marks ids of more than 11 bits as extended where the file forgot to: some files do, and the
/// parser would cut such ids off. An id that no CAN has becomes one that is refused later on.
fn widen_ids(text: &str) -> Cow<'_, str> {
    let forgotten = |line: &str| {
        let rest = BEFORE_ID.iter().find_map(|keyword| line.strip_prefix(keyword))?.trim_start_matches(' ');
        let id: u32 = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        let wide = match id {
            0..=0x7ff | EXTENDED.. => return None,
            0x800..=0x1fff_ffff => id | EXTENDED,
            _ => u32::from(u16::MAX),
        };
        Some((id, wide))
    };
    if text.lines().all(|line| forgotten(line).is_none()) {
        return Cow::Borrowed(text);
    }
    let widen = |line| match forgotten(line) {
        Some((id, wide)) => Cow::Owned(line.replacen(&id.to_string(), &wide.to_string(), 1)),
        None => Cow::Borrowed(line),
    };
    Cow::Owned(text.split_inclusive('\n').map(widen).collect())
}

type Key<'a> = (u32, &'a str);

/// What the file says of signals in other places than their definition.
#[derive(Default)]
struct Facts<'a> {
    values: HashMap<Key<'a>, &'a [can_dbc::ValDescription]>,
    floats: HashMap<Key<'a>, Number>,
    comments: HashMap<Key<'a>, &'a str>,
    selectors: HashMap<Key<'a>, &'a can_dbc::ExtendedMultiplex>,
}

impl<'a> Facts<'a> {
    fn collect(dbc: &'a Dbc) -> Self {
        let mut facts = Self::default();
        for description in &dbc.value_descriptions {
            if let ValueDescription::Signal { message_id, name, value_descriptions } = description {
                facts.values.insert((message_id.raw(), name), value_descriptions);
            }
        }
        for entry in &dbc.signal_extended_value_type_list {
            let number = match entry.signal_extended_value_type {
                SignalExtendedValueType::SignedOrUnsignedInteger => continue,
                SignalExtendedValueType::IEEEfloat32Bit => Number::Float32,
                SignalExtendedValueType::IEEEdouble64bit => Number::Float64,
            };
            facts.floats.insert((entry.message_id.raw(), &entry.signal_name), number);
        }
        for comment in &dbc.comments {
            if let Comment::Signal { message_id, name, comment } = comment {
                facts.comments.insert((message_id.raw(), name), comment);
            }
        }
        for entry in &dbc.extended_multiplex {
            facts.selectors.insert((entry.message_id.raw(), &entry.signal_name), entry);
        }
        facts
    }
}

fn read_message(source: &can_dbc::Message, facts: &Facts<'_>, warnings: &mut Vec<String>) -> Option<Message> {
    let name = &source.name;
    let id = match source.id {
        MessageId::Standard(id) => CanId::standard(id),
        MessageId::Extended(id) => CanId::extended(id),
    };
    let Some(id) = id else {
        warnings.push(format!("{name}: its id is no CAN id; the message is left out"));
        return None;
    };
    let len = usize::try_from(source.size).ok().filter(|len| *len <= FRAME_BYTES_MAX);
    let Some(len) = len else {
        warnings.push(format!("{name}: no frame carries {} bytes; the message is left out", source.size));
        return None;
    };
    let kept = read_signals(source, facts, warnings);
    for (_, signal) in kept.iter().filter(|(_, signal)| signal.coding.bytes_needed() > len) {
        warnings.push(format!("{name}.{}: stands beyond the message's {len} bytes", signal.name));
    }
    let signals = with_selectors(source, kept, facts, warnings);
    match Message::new(id, name, len, signals) {
        Ok(message) => Some(message),
        Err(error) => {
            warnings.push(format!("{error}; the message is left out"));
            None
        }
    }
}

fn read_signals<'a>(
    source: &'a can_dbc::Message,
    facts: &Facts<'_>,
    warnings: &mut Vec<String>,
) -> Vec<(&'a can_dbc::Signal, Signal)> {
    let mut kept = Vec::new();
    for signal in &source.signals {
        match read_signal(source.id.raw(), signal, facts) {
            Ok(read) => kept.push((signal, read)),
            Err(error) => {
                warnings.push(format!("{}.{}: {error}; the signal is left out", source.name, signal.name));
            }
        }
    }
    kept
}

fn read_signal(message: u32, source: &can_dbc::Signal, facts: &Facts<'_>) -> Result<Signal, Error> {
    let key = (message, source.name.as_str());
    let number = match facts.floats.get(&key) {
        Some(float) => *float,
        None => match source.value_type {
            can_dbc::ValueType::Signed => Number::Signed,
            can_dbc::ValueType::Unsigned => Number::Unsigned,
        },
    };
    let byte_order = match source.byte_order {
        can_dbc::ByteOrder::LittleEndian => ByteOrder::LittleEndian,
        can_dbc::ByteOrder::BigEndian => ByteOrder::BigEndian,
    };
    // What does not fit these types does not fit a frame either; the coding says so.
    let start_bit = u16::try_from(source.start_bit).unwrap_or(u16::MAX);
    let length = u8::try_from(source.size).unwrap_or(u8::MAX);
    let coding = SignalCoding::new(start_bit, length, byte_order, number, source.factor, source.offset)?;
    let mut signal = Signal::new(&source.name, coding);
    signal.unit = source.unit.as_str().into();
    let (min, max) = (number_of(source.min), number_of(source.max));
    // Equal limits are how the format says "none".
    signal.limits = (min < max).then_some((min, max));
    if let Some(values) = facts.values.get(&key) {
        signal.values = values.iter().map(|value| (value.id, value.description.as_str().into())).collect();
    }
    if let Some(comment) = facts.comments.get(&key) {
        signal.comment = (*comment).into();
    }
    Ok(signal)
}

/// Gives each multiplexed signal its selector: by `SG_MUL_VAL_` when the file has it, else by the
/// message's one multiplexor that is not multiplexed itself. Signals whose multiplexor is not known
/// are left out, and so are those that hang on them.
fn with_selectors(
    source: &can_dbc::Message,
    mut kept: Vec<(&can_dbc::Signal, Signal)>,
    facts: &Facts<'_>,
    warnings: &mut Vec<String>,
) -> Vec<Signal> {
    loop {
        let names: Vec<_> = kept.iter().map(|(signal, _)| signal.name.as_str()).collect();
        let root = kept
            .iter()
            .find(|(signal, _)| signal.multiplexer_indicator == MultiplexIndicator::Multiplexor)
            .map(|(signal, _)| signal.name.as_str());
        let selectors: Vec<_> = kept
            .iter()
            .map(|(signal, _)| selector_of(source.id.raw(), signal, root, facts))
            .map(|named| resolve(named, &names))
            .collect();
        let lost = selectors.iter().position(Result::is_err);
        if let Some(lost) = lost {
            let (signal, _) = kept.remove(lost);
            warnings.push(format!(
                "{}.{}: its multiplexor is not in the message; the signal is left out",
                source.name, signal.name
            ));
            continue;
        }
        let selectors = selectors.into_iter().map(Result::unwrap_or_default);
        return kept
            .into_iter()
            .zip(selectors)
            .map(|((_, signal), selector)| Signal { selector, ..signal })
            .collect();
    }
}

type NamedSelector<'a> = (&'a str, Vec<std::ops::RangeInclusive<u64>>);

/// The multiplexor's name and values; an empty name when the message has none.
fn selector_of<'a>(
    message: u32,
    signal: &can_dbc::Signal,
    root: Option<&'a str>,
    facts: &Facts<'a>,
) -> Option<NamedSelector<'a>> {
    if let Some(entry) = facts.selectors.get(&(message, signal.name.as_str())) {
        let values = entry.mappings.iter().map(|range| range.min_value..=range.max_value).collect();
        return Some((&entry.multiplexor_signal_name, values));
    }
    match signal.multiplexer_indicator {
        MultiplexIndicator::Plain | MultiplexIndicator::Multiplexor => None,
        MultiplexIndicator::MultiplexedSignal(value)
        | MultiplexIndicator::MultiplexorAndMultiplexedSignal(value) => {
            Some((root.unwrap_or_default(), vec![value..=value]))
        }
    }
}

fn resolve(selector: Option<NamedSelector<'_>>, names: &[&str]) -> Result<Option<Selector>, ()> {
    let Some((name, values)) = selector else { return Ok(None) };
    let signal = names.iter().position(|other| *other == name).ok_or(())?;
    Ok(Some(Selector { signal, values }))
}

fn number_of(value: can_dbc::NumericValue) -> f64 {
    match value {
        can_dbc::NumericValue::Uint(value) => value as f64,
        can_dbc::NumericValue::Int(value) => value as f64,
        can_dbc::NumericValue::Double(value) => value,
    }
}

#[cfg(test)]
mod tests;
