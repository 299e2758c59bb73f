//! The datagram of the group's zonal architecture: VSS over Ethernet, in UDP.
//!
//! ```text
//! "MZ"  version 1  kind (0 current, 1 target)  service u16  sequence u16  time i64  records u16
//! record: signal id (varint)  form u8  value
//! ```
//!
//! Fixed numbers are little-endian, varints LEB128. Forms: 0 not available, 1 false, 2 true,
//! 3 a decimal at the leaf's scale (zigzag varint), 4 a text (varint length, UTF-8), 5 an IEEE 754
//! binary64 for a number that the decimal cannot hold.

use std::sync::Arc;

use model::{Timestamp, limits::TEXT_BYTES_MAX};
use signals::{DataType, Leaf, Reading, ScalarType, SignalId, Value};

use crate::Error;

/// What fits an Ethernet frame beside IPv6 and UDP headers, with room for a VLAN tag and IPsec.
pub const DATAGRAM_BYTES_MAX: usize = 1_400;

const MAGIC: [u8; 2] = *b"MZ";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 18;

/// Whether a datagram says what is or what shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramKind {
    Current,
    Target,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub kind: DatagramKind,
    pub service: u16,
    pub time: Timestamp,
}

/// A datagram whose header has been read.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    pub kind: DatagramKind,
    pub service: u16,
    pub sequence: u16,
    pub time: Timestamp,
    records: u16,
    body: &'a [u8],
}

/// The value of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RecordValue<'a> {
    NotAvailable,
    Bool(bool),
    /// A number times ten to the leaf's scale.
    Mantissa(i64),
    Number(f64),
    Text(&'a str),
}

impl<'a> Datagram<'a> {
    /// Reads the header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let header: &[u8; HEADER_BYTES] =
            bytes.first_chunk().ok_or_else(|| refuse("it ends in its header"))?;
        let [m, z, version, kind, s0, s1, q0, q1, t0, t1, t2, t3, t4, t5, t6, t7, r0, r1] = *header;
        if [m, z] != MAGIC || version != VERSION {
            return Err(refuse("it does not begin with MZ and version 1"));
        }
        let kind = match kind {
            0 => DatagramKind::Current,
            1 => DatagramKind::Target,
            _ => return Err(refuse("its kind is neither 0 (current) nor 1 (target)")),
        };
        Ok(Self {
            kind,
            service: u16::from_le_bytes([s0, s1]),
            sequence: u16::from_le_bytes([q0, q1]),
            time: Timestamp(i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7])),
            records: u16::from_le_bytes([r0, r1]),
            body: bytes.get(HEADER_BYTES..).unwrap_or_default(),
        })
    }

    /// Hands each record to `emit`. What stands before a broken record has been handed on.
    pub fn records(&self, mut emit: impl FnMut(SignalId, RecordValue<'a>)) -> Result<(), Error> {
        let mut body = self.body;
        for _ in 0..self.records {
            let id = u32::try_from(varint(&mut body)?).map_err(|_| refuse("a signal id has 32 bits"))?;
            let (form, rest) = body.split_first().ok_or_else(|| refuse("it ends in a record"))?;
            body = rest;
            let value = match form {
                0 => RecordValue::NotAvailable,
                1 => RecordValue::Bool(false),
                2 => RecordValue::Bool(true),
                3 => RecordValue::Mantissa(unzigzag(varint(&mut body)?)),
                4 => RecordValue::Text(text(&mut body)?),
                5 => {
                    let (bytes, rest) =
                        body.split_first_chunk().ok_or_else(|| refuse("it ends in a number"))?;
                    body = rest;
                    RecordValue::Number(f64::from_le_bytes(*bytes))
                }
                _ => return Err(refuse("a record's form is 0 to 5")),
            };
            emit(SignalId(id), value);
        }
        if body.is_empty() { Ok(()) } else { Err(refuse("bytes follow its last record")) }
    }
}

/// The reading that a record stands for.
pub(super) fn reading(leaf: &Leaf, value: RecordValue<'_>, time: Timestamp) -> Reading {
    match value {
        RecordValue::NotAvailable => Reading::not_available(time),
        RecordValue::Bool(value) => leaf.read(Value::Bool(value), time),
        RecordValue::Mantissa(mantissa) => match leaf.data_type {
            DataType::Scalar(ScalarType::Float | ScalarType::Double) => {
                leaf.read(Value::Float(leaf.scale.number(mantissa)), time)
            }
            DataType::Scalar(_) | DataType::Array(_) => leaf.read_number(leaf.scale.number(mantissa), time),
        },
        RecordValue::Number(number) => leaf.read_number(number, time),
        RecordValue::Text(text) => leaf.read(Value::Text(allowed(leaf, text)), time),
    }
}

/// The leaf's own copy of an allowed text, so that the usual ones are not allocated.
fn allowed(leaf: &Leaf, text: &str) -> Arc<str> {
    let known = leaf.limits.allowed.iter().find_map(|value| match value {
        Value::Text(known) if **known == *text => Some(Arc::clone(known)),
        Value::Text(_)
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Uint(_)
        | Value::Float(_)
        | Value::Array(_) => None,
    });
    known.unwrap_or_else(|| text.into())
}

/// Makes as many datagrams as the values need and gives the sequence number that follows. Arrays
/// do not travel this way and are passed over.
pub(super) fn encode<'a>(
    header: Header,
    mut sequence: u16,
    values: impl IntoIterator<Item = (&'a Leaf, &'a Value)>,
    mut emit: impl FnMut(Vec<u8>),
) -> u16 {
    let mut datagram = Vec::new();
    let mut records = 0_u16;
    let mut record = Vec::with_capacity(32);
    let mut finish = |datagram: &mut Vec<u8>, records: &mut u16, sequence: &mut u16| {
        if *records > 0 {
            let mut bytes = std::mem::take(datagram);
            bytes[HEADER_BYTES - 2..HEADER_BYTES].copy_from_slice(&records.to_le_bytes());
            emit(bytes);
            *records = 0;
            *sequence = sequence.wrapping_add(1);
        }
    };
    for (leaf, value) in values {
        record.clear();
        if put_record(&mut record, leaf, value).is_none() || record.len() > DATAGRAM_BYTES_MAX - HEADER_BYTES
        {
            continue;
        }
        if datagram.len() + record.len() > DATAGRAM_BYTES_MAX {
            finish(&mut datagram, &mut records, &mut sequence);
        }
        if records == 0 {
            datagram = put_header(header, sequence);
        }
        datagram.extend_from_slice(&record);
        records += 1;
    }
    finish(&mut datagram, &mut records, &mut sequence);
    sequence
}

fn put_header(header: Header, sequence: u16) -> Vec<u8> {
    let kind = match header.kind {
        DatagramKind::Current => 0,
        DatagramKind::Target => 1,
    };
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSION, kind]);
    bytes.extend_from_slice(&header.service.to_le_bytes());
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&header.time.0.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

fn put_record(out: &mut Vec<u8>, leaf: &Leaf, value: &Value) -> Option<()> {
    put_varint(out, u64::from(leaf.id.0));
    match value {
        Value::Bool(false) => out.push(1),
        Value::Bool(true) => out.push(2),
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => {
            let number = value.as_f64()?;
            match leaf.scale.mantissa(number) {
                Some(mantissa) => {
                    out.push(3);
                    put_varint(out, zigzag(mantissa));
                }
                None => {
                    out.push(5);
                    out.extend_from_slice(&number.to_le_bytes());
                }
            }
        }
        Value::Text(text) => {
            let length = u64::try_from(text.len()).ok()?;
            out.push(4);
            put_varint(out, length);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(_) => return None,
    }
    Some(())
}

fn text<'a>(body: &mut &'a [u8]) -> Result<&'a str, Error> {
    let length = usize::try_from(varint(body)?).unwrap_or(usize::MAX);
    if length > TEXT_BYTES_MAX {
        return Err(refuse("a text is too long"));
    }
    let (text, rest) = body.split_at_checked(length).ok_or_else(|| refuse("it ends in a text"))?;
    *body = rest;
    std::str::from_utf8(text).map_err(|_| refuse("a text is not UTF-8"))
}

fn varint(body: &mut &[u8]) -> Result<u64, Error> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = body.split_first().ok_or_else(|| refuse("it ends in a number"))?;
        *body = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            break;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(refuse("a varint has more than 64 bits"))
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        let low = u8::try_from(value & 0x7f).expect("7 bits fit a byte");
        out.push(low | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).expect("7 bits fit a byte"));
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

fn refuse(problem: &str) -> Error {
    Error::Datagram { problem: problem.to_owned() }
}

#[cfg(test)]
mod tests;
