//! The part of deterministic CBOR (RFC 8949 section 4.2.1) that entries are written in.
//!
//! Every item has one spelling: the shortest head, definite lengths, no tags, no floats. What spells it
//! otherwise is refused, so that equal events are equal bytes. Any CBOR tool shows them.

/// The major types that entries use (RFC 8949 section 3.1).
const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// Writes items one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn unsigned(&mut self, value: u64) {
        self.head(UNSIGNED, value);
    }

    pub(crate) fn integer(&mut self, value: i64) {
        // -1 - n is written as n.
        if value < 0 {
            self.head(NEGATIVE, !value.cast_unsigned())
        } else {
            self.unsigned(value.unsigned_abs())
        }
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.head(BYTES, value.len() as u64);
        self.0.extend_from_slice(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.head(TEXT, value.len() as u64);
        self.0.extend_from_slice(value.as_bytes());
    }

    pub(crate) fn array(&mut self, items: usize) {
        self.head(ARRAY, items as u64);
    }

    pub(crate) fn map(&mut self, pairs: usize) {
        self.head(MAP, pairs as u64);
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, major: u8, argument: u64) {
        let big_endian = argument.to_be_bytes();
        let (info, len) = match argument {
            0..24 => (big_endian[7], 0),
            24..0x100 => (24, 1),
            0x100..0x1_0000 => (25, 2),
            0x1_0000..0x1_0000_0000 => (26, 4),
            0x1_0000_0000.. => (27, 8),
        };
        self.0.push(major << 5 | info);
        self.0.extend_from_slice(&big_endian[8 - len..]);
    }
}

/// Reads items one after the other; nothing for whatever is not as [`Writer`] writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        self.head_of(UNSIGNED)
    }

    pub(crate) fn integer(&mut self) -> Option<i64> {
        let (major, argument) = self.head()?;
        let value = i64::try_from(argument).ok()?;
        match major {
            UNSIGNED => Some(value),
            NEGATIVE => Some(!value),
            _ => None,
        }
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.head_of(BYTES)?;
        self.take(len)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let len = self.head_of(TEXT)?;
        std::str::from_utf8(self.take(len)?).ok()
    }

    /// Whether a text comes next; otherwise it may be bytes.
    pub(crate) fn is_text(&self) -> bool {
        self.0.first().is_some_and(|first| first >> 5 == TEXT)
    }

    pub(crate) fn array(&mut self) -> Option<u64> {
        self.head_of(ARRAY)
    }

    pub(crate) fn map(&mut self) -> Option<u64> {
        self.head_of(MAP)
    }

    fn head_of(&mut self, wanted: u8) -> Option<u64> {
        self.head().filter(|(major, _)| *major == wanted).map(|(_, argument)| argument)
    }

    fn head(&mut self) -> Option<(u8, u64)> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        let (len, shortest) = match first & 0x1f {
            info @ 0..24 => return Some((first >> 5, u64::from(info))),
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            _ => return None,
        };
        let digits = self.take(len)?;
        let argument = digits.iter().fold(0, |argument, byte| argument << 8 | u64::from(*byte));
        (argument >= shortest).then_some((first >> 5, argument))
    }

    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests;
