//! Bits in a byte string, lowest bit first.

/// Rice parameters above it never pay: the values would be packed.
pub(super) const RICE_PARAMETER_MAX: u32 = 56;

/// A quotient of so many ones announces the code as it is, so that one outlier costs no more than
/// 11 bytes.
const RICE_ESCAPE: u32 = 24;

const WORD_BYTES: usize = 8;

/// How many bits a Rice code takes.
pub(super) fn rice_bits(code: u64, parameter: u32) -> usize {
    let quotient = code >> parameter;
    let bits = if quotient < u64::from(RICE_ESCAPE) {
        u32::try_from(quotient).unwrap_or(RICE_ESCAPE) + 1 + parameter
    } else {
        RICE_ESCAPE + u64::BITS
    };
    bits as usize
}

#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Bits that have not been written, fewer than 8 between two calls.
    pending: u128,
    count: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, pending: 0, count: 0 }
    }

    /// Writes the low `width` bits, at most 64; the others are zero.
    pub(super) fn write(&mut self, bits: u64, width: u32) {
        self.pending |= u128::from(bits) << self.count;
        self.count += width;
        while self.count >= 8 {
            self.out.push(self.pending.to_le_bytes()[0]);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    pub(super) fn write_rice(&mut self, code: u64, parameter: u32) {
        let quotient = code >> parameter;
        if quotient < u64::from(RICE_ESCAPE) {
            let ones = (1_u64 << quotient) - 1;
            self.write(ones, u32::try_from(quotient).unwrap_or(0) + 1);
            self.write(code & ((1_u64 << parameter) - 1), parameter);
        } else {
            self.write((1_u64 << RICE_ESCAPE) - 1, RICE_ESCAPE);
            self.write(code, u64::BITS);
        }
    }

    /// Fills the last byte with zeros.
    pub(super) fn finish(self) {
        if self.count > 0 {
            self.out.push(self.pending.to_le_bytes()[0]);
        }
    }
}

/// Calls `take` with each of `count` numbers of `width` bits, at most 63. `packed` has at least
/// `count * width` bits.
pub(super) fn unpack(packed: &[u8], count: usize, width: u32, mut take: impl FnMut(u64)) {
    let mask = (1_u64 << width) - 1;
    let step = width as usize;
    let mut index = 0;
    // One unaligned load a value, as long as eight bytes are left and hold the whole value.
    if width <= u64::BITS - 7 {
        while index < count {
            let bit = index * step;
            let Some(word) = packed.get(bit / 8..).and_then(<[u8]>::first_chunk::<WORD_BYTES>) else { break };
            take((u64::from_le_bytes(*word) >> (bit % 8)) & mask);
            index += 1;
        }
    }
    while index < count {
        let bit = index * step;
        take(load(packed, bit) & mask);
        index += 1;
    }
}

/// The 64 bits from a bit on; what lies past the end is zero.
#[expect(clippy::cast_possible_truncation, reason = "the low 64 bits are what is wanted")]
fn load(bytes: &[u8], bit: usize) -> u64 {
    let mut word = [0; 16];
    let left = bytes.get(bit / 8..).unwrap_or_default();
    let length = left.len().min(word.len());
    word[..length].copy_from_slice(&left[..length]);
    (u128::from_le_bytes(word) >> (bit % 8)) as u64
}

#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    bit: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, bit: 0 }
    }

    /// `None` past the end.
    pub(super) fn read_rice(&mut self, parameter: u32) -> Option<u64> {
        let word = self.peek();
        let ones = word.trailing_ones();
        if ones >= RICE_ESCAPE {
            self.skip(RICE_ESCAPE as usize)?;
            let code = load(self.bytes, self.bit);
            self.skip(u64::BITS as usize)?;
            return Some(code);
        }
        self.skip(ones as usize + 1)?;
        let low = self.peek() & ((1_u64 << parameter) - 1);
        self.skip(parameter as usize)?;
        Some(u64::from(ones) << parameter | low)
    }

    /// What follows the last byte that was begun.
    pub(super) fn rest(self) -> &'a [u8] {
        self.bytes.get(self.bit.div_ceil(8)..).unwrap_or_default()
    }

    /// At least 57 bits from here; zeros past the end.
    fn peek(&self) -> u64 {
        let place = self.bit / 8;
        match self.bytes.get(place..).and_then(<[u8]>::first_chunk::<WORD_BYTES>) {
            Some(word) => u64::from_le_bytes(*word) >> (self.bit % 8),
            None => load(self.bytes, self.bit),
        }
    }

    fn skip(&mut self, bits: usize) -> Option<()> {
        self.bit += bits;
        (self.bit <= self.bytes.len() * 8).then_some(())
    }
}
