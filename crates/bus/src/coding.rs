//! Where a signal's bits stand in a payload and which number they mean.

use crate::{Error, FRAME_BYTES_MAX};

/// The order in which a signal's bits run through the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Intel: the start bit is the least significant one.
    LittleEndian,
    /// Motorola: the start bit is the most significant one, and bits run on at bit 7 of the next byte.
    BigEndian,
}

/// How the bits stand for a raw number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Number {
    Unsigned,
    /// Two's complement.
    Signed,
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary64.
    Float64,
}

/// The coding of one signal as DBC describes it: `value = raw * factor + offset`.
///
/// Bits are counted as DBC does: bit `8 * n + b` is the bit of weight `2^b` in byte `n`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignalCoding {
    start_bit: u16,
    length: u8,
    byte_order: ByteOrder,
    number: Number,
    factor: f64,
    offset: f64,
    /// The payload bytes that hold the signal: first and one past the last.
    first_byte: u8,
    end_byte: u8,
    /// How far the window of those bytes, read in the signal's byte order, is shifted right.
    shift: u8,
}

impl SignalCoding {
    /// Checks that the signal has 1 to 64 bits within 64 bytes, that floats have 32 or 64, and that
    /// factor and offset are usable.
    pub fn new(
        start_bit: u16,
        length: u8,
        byte_order: ByteOrder,
        number: Number,
        factor: f64,
        offset: f64,
    ) -> Result<Self, Error> {
        let (first_byte, end_byte, shift) =
            placement(start_bit, length, byte_order).ok_or(Error::Placement { start_bit, length })?;
        match number {
            Number::Unsigned | Number::Signed => {}
            Number::Float32 if length == 32 => {}
            Number::Float64 if length == 64 => {}
            Number::Float32 | Number::Float64 => return Err(Error::FloatLength { length }),
        }
        if factor == 0.0 || !factor.is_finite() || !offset.is_finite() {
            return Err(Error::Linear { factor, offset });
        }
        Ok(Self { start_bit, length, byte_order, number, factor, offset, first_byte, end_byte, shift })
    }

    pub fn start_bit(&self) -> u16 {
        self.start_bit
    }

    /// In bits.
    pub fn length(&self) -> u8 {
        self.length
    }

    pub fn byte_order(&self) -> ByteOrder {
        self.byte_order
    }

    pub fn number(&self) -> Number {
        self.number
    }

    pub fn factor(&self) -> f64 {
        self.factor
    }

    pub fn offset(&self) -> f64 {
        self.offset
    }

    /// The payload bytes that the signal needs.
    pub fn bytes_needed(&self) -> usize {
        usize::from(self.end_byte)
    }

    /// The signal's bits as they stand in the payload, in the low bits of the result; `None` when
    /// the payload is too short.
    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps at most 64 bits")]
    pub fn bits(&self, data: &[u8]) -> Option<u64> {
        let bytes = data.get(usize::from(self.first_byte)..usize::from(self.end_byte))?;
        Some((window(bytes, self.byte_order) >> self.shift) as u64 & self.mask())
    }

    /// The raw number: sign-extended for [`Number::Signed`] (cast it to `i64`), IEEE 754 bits for floats.
    pub fn raw(&self, data: &[u8]) -> Option<u64> {
        self.bits(data).map(|bits| self.extend(bits))
    }

    /// The physical value; `None` when the payload is too short.
    pub fn decode(&self, data: &[u8]) -> Option<f64> {
        self.bits(data).map(|bits| self.value(self.extend(bits)))
    }

    /// The physical value of a raw number.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a float of 32 bits stands in the low half")]
    pub fn value(&self, raw: u64) -> f64 {
        let number = match self.number {
            Number::Unsigned => raw as f64,
            Number::Signed => raw.cast_signed() as f64,
            Number::Float32 => f64::from(f32::from_bits(raw as u32)),
            Number::Float64 => f64::from_bits(raw),
        };
        number * self.factor + self.offset
    }

    /// Writes the raw number; its bits beyond the signal's length are ignored. The payload's other
    /// bits stay as they are.
    #[expect(clippy::cast_possible_truncation, reason = "the low byte of the window is taken on purpose")]
    pub fn set_raw(&self, data: &mut [u8], raw: u64) -> Result<(), Error> {
        let len = data.len();
        let short = Error::Short { needed: self.bytes_needed(), len };
        let bytes = data.get_mut(usize::from(self.first_byte)..usize::from(self.end_byte)).ok_or(short)?;
        let mask = u128::from(self.mask()) << self.shift;
        let mut all = window(bytes, self.byte_order) & !mask | u128::from(raw) << self.shift & mask;
        let write = |byte: &mut u8| {
            *byte = all as u8;
            all >>= 8;
        };
        match self.byte_order {
            ByteOrder::LittleEndian => bytes.iter_mut().for_each(write),
            ByteOrder::BigEndian => bytes.iter_mut().rev().for_each(write),
        }
        Ok(())
    }

    /// Writes the raw number nearest to the physical value; fails when it does not fit.
    pub fn encode(&self, data: &mut [u8], value: f64) -> Result<(), Error> {
        let raw = self.raw_of(value).ok_or_else(|| {
            let (min, max) = self.range();
            Error::OutOfRange { value, min, max }
        })?;
        self.set_raw(data, raw)
    }

    /// Writes the raw number nearest to the physical value, or the nearest that fits.
    pub fn encode_saturating(&self, data: &mut [u8], value: f64) -> Result<(), Error> {
        let (min, max) = self.range();
        let value = if value.is_nan() { min } else { value.clamp(min, max) };
        self.encode(data, value)
    }

    /// The least and greatest physical value that the bits can say.
    pub fn range(&self) -> (f64, f64) {
        let (least, greatest) = match self.number {
            Number::Unsigned => (0, self.mask()),
            Number::Signed => (self.extend(1 << (self.length - 1)), self.mask() >> 1),
            Number::Float32 => (u64::from((-f32::MAX).to_bits()), u64::from(f32::MAX.to_bits())),
            Number::Float64 => ((-f64::MAX).to_bits(), f64::MAX.to_bits()),
        };
        let (a, b) = (self.value(least), self.value(greatest));
        (a.min(b), a.max(b))
    }

    /// The raw number nearest to a physical value, rounded half away from zero.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of floats saturate, and what they gave is compared with the range after"
    )]
    pub fn raw_of(&self, value: f64) -> Option<u64> {
        let number = (value - self.offset) / self.factor;
        if !number.is_finite() {
            return None;
        }
        let rounded = number.round();
        match self.number {
            Number::Unsigned => {
                // 2^64 as a double is the first that does not fit; below it the cast is exact.
                let fits = rounded >= 0.0 && rounded < 2_f64.powi(64);
                let raw = rounded as u64;
                (fits && raw <= self.mask()).then_some(raw)
            }
            Number::Signed => {
                let fits = (-(2_f64.powi(63))..2_f64.powi(63)).contains(&rounded);
                let raw = rounded as i64;
                let half = (self.mask() >> 1).cast_signed();
                (fits && (-half - 1..=half).contains(&raw)).then_some(raw.cast_unsigned())
            }
            Number::Float32 => {
                let narrow = number as f32;
                narrow.is_finite().then(|| u64::from(narrow.to_bits()))
            }
            Number::Float64 => Some(number.to_bits()),
        }
    }

    /// Where the signal's lowest bit stands in the first 8 payload bytes read as one number in the
    /// signal's byte order; `None` when it reaches beyond them.
    pub(crate) fn word_shift(&self) -> Option<u8> {
        if self.end_byte > 8 {
            return None;
        }
        Some(match self.byte_order {
            ByteOrder::LittleEndian => self.first_byte * 8 + self.shift,
            ByteOrder::BigEndian => (8 - self.end_byte) * 8 + self.shift,
        })
    }

    pub(crate) fn mask(&self) -> u64 {
        u64::MAX >> (64 - self.length)
    }

    #[inline]
    pub(crate) fn extend(&self, bits: u64) -> u64 {
        match self.number {
            Number::Signed => {
                let unused = 64 - self.length;
                ((bits << unused).cast_signed() >> unused).cast_unsigned()
            }
            Number::Unsigned | Number::Float32 | Number::Float64 => bits,
        }
    }
}

/// First byte, one past the last byte, and the shift of the bytes' window.
fn placement(start_bit: u16, length: u8, byte_order: ByteOrder) -> Option<(u8, u8, u8)> {
    if !(1..=64).contains(&length) || usize::from(start_bit) >= FRAME_BYTES_MAX * 8 {
        return None;
    }
    let length = u16::from(length);
    let first = start_bit / 8;
    let in_byte = start_bit % 8;
    let (end, shift) = match byte_order {
        ByteOrder::LittleEndian => ((start_bit + length).div_ceil(8), in_byte),
        ByteOrder::BigEndian => {
            // Counted from the top bit of the first byte, where bit 7 is 0.
            let end_bit = 7 - in_byte + length;
            (first + end_bit.div_ceil(8), (8 - end_bit % 8) % 8)
        }
    };
    let fits = usize::from(end) <= FRAME_BYTES_MAX;
    fits.then_some(())?;
    Some((u8::try_from(first).ok()?, u8::try_from(end).ok()?, u8::try_from(shift).ok()?))
}

/// Up to 9 bytes as one number.
fn window(bytes: &[u8], byte_order: ByteOrder) -> u128 {
    let join = |all, byte: &u8| all << 8 | u128::from(*byte);
    match byte_order {
        ByteOrder::LittleEndian => bytes.iter().rev().fold(0, join),
        ByteOrder::BigEndian => bytes.iter().fold(0, join),
    }
}

#[cfg(test)]
pub(crate) mod tests;
