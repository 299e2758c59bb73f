//! Reads the standard's data types (section 1.5) from a slice.

use super::Violation;

const SHORT: Violation = Violation::malformed("a field is longer than its packet");

/// What is left of a packet's bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn u8(&mut self) -> Result<u8, Violation> {
        let (&byte, rest) = self.rest.split_first().ok_or(SHORT)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Violation> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Violation> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Violation> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A variable byte integer (1.5.5): at most four bytes, and no more than it needs.
    pub(super) fn varint(&mut self) -> Result<u32, Violation> {
        match varint(self.rest)? {
            Some((value, len)) => {
                self.bytes(len)?;
                Ok(value)
            }
            None => Err(SHORT),
        }
    }

    /// Binary data (1.5.6): a length of two bytes, then the bytes.
    pub(super) fn binary(&mut self) -> Result<&'a [u8], Violation> {
        let len = self.u16()?;
        self.bytes(usize::from(len))
    }

    /// A UTF-8 string (1.5.4): well-formed, without surrogates and without U+0000.
    pub(super) fn string(&mut self) -> Result<&'a str, Violation> {
        let bytes = self.binary()?;
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Violation::malformed("a string is not well-formed UTF-8"))?;
        if bytes.contains(&0) {
            return Err(Violation::malformed("a string contains U+0000"));
        }
        Ok(text)
    }
}

/// The variable byte integer at the front, with its length; `None` when more bytes are needed.
pub(super) fn varint(bytes: &[u8]) -> Result<Option<(u32, usize)>, Violation> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            if byte == 0 && index > 0 {
                return Err(Violation::malformed("a variable byte integer is longer than it needs to be"));
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 4 {
        return Err(Violation::malformed("a variable byte integer has more than four bytes"));
    }
    Ok(None)
}
