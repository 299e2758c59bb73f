//! Sequences of integers, each in the smallest of several encodings.
//!
//! Real signals are slow and noisy, so differences are small but rarely equal: bit packing and Rice
//! codes come within half a bit of their entropy, at a price that a general compressor cannot reach
//! for ten values.

mod bits;

use std::ops::RangeInclusive;

use super::INTEGER_MAX;
use bits::{BitReader, BitWriter};

/// The low bits of a tag name the encoding; the bits above [`STEP`] are the caller's.
const ENCODING_MASK: u8 = 0b111;
/// The packed numbers are multiples of a step that the payload gives.
const STEP: u8 = 0b1000;
/// The bits that a tag of this module may have.
pub(super) const TAG_MASK: u8 = ENCODING_MASK | STEP;

/// The span of packed numbers within ±[`INTEGER_MAX`] and of their differences is below 2^63.
const WIDTH_MAX: u32 = 63;

const CONSTANT: u8 = 0;
const PACKED: u8 = 1;
const DELTA: u8 = 2;
const DELTA2: u8 = 3;
const RUNS: u8 = 4;
const RICE: u8 = 5;
const RICE2: u8 = 6;

/// Where a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Other bytes follow, so that the width of packed numbers is written down.
    Inline,
    /// It ends where its bytes end, so that the width follows from their number.
    Tail,
}

/// Buffers that live from column to column.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    first: Vec<i64>,
    second: Vec<i64>,
}

/// An encoding with its size, to compare.
#[derive(Debug, Clone, Copy)]
struct Choice {
    form: Form,
    bytes: usize,
    encoding: u8,
    /// Bits of a packed value, or the Rice parameter.
    width: u32,
    step: u64,
}

/// Appends the payload of `values` and returns its tag. Values are within ±[`INTEGER_MAX`].
pub(super) fn encode(values: &[i64], form: Form, scratch: &mut Scratch, out: &mut Vec<u8>) -> u8 {
    let Some(first) = values.first() else { return CONSTANT };
    differences(values, &mut scratch.first);
    differences(&scratch.first, &mut scratch.second);
    let choice = choose(values, form, scratch);
    let tag = choice.encoding | if choice.step > 1 { STEP } else { 0 };
    let lead: &[i64] = match choice.encoding {
        CONSTANT | RUNS | PACKED => &[],
        DELTA | RICE => &[*first],
        _ => &[*first, scratch.first[0]],
    };
    lead.iter().for_each(|value| write_signed(out, *value));
    match choice.encoding {
        CONSTANT => write_signed(out, *first),
        RUNS => write_runs(values, out),
        PACKED => write_packed(values, choice, out),
        DELTA => write_packed(&scratch.first, choice, out),
        DELTA2 => write_packed(&scratch.second, choice, out),
        RICE => write_rice(&scratch.first, choice, out),
        _ => write_rice(&scratch.second, choice, out),
    }
    tag
}

/// Appends `count` values to `out`, advancing `input`. `None` when the payload is malformed; `out`
/// then holds rubbish.
pub(super) fn decode(tag: u8, count: usize, form: Form, input: &mut &[u8], out: &mut Vec<i64>) -> Option<()> {
    if tag & !TAG_MASK != 0 {
        return None;
    }
    if count == 0 {
        return (tag == CONSTANT).then_some(());
    }
    let start = out.len();
    let stepped = tag & STEP != 0;
    let encoding = tag & ENCODING_MASK;
    if stepped && matches!(encoding, CONSTANT | RUNS) {
        return None;
    }
    match encoding {
        CONSTANT => {
            let value = read_signed(input)?;
            out.resize(start + count, value);
        }
        RUNS => read_runs(count, input, out)?,
        PACKED => read_packed(count, stepped, form, input, out)?,
        DELTA | RICE => {
            out.push(read_signed(input)?);
            let rest = count - 1;
            match encoding {
                DELTA => read_packed(rest, stepped, form, input, out)?,
                _ => read_rice(rest, stepped, input, out)?,
            }
            sum(&mut out[start..]);
        }
        DELTA2 | RICE2 => {
            let rest = count.checked_sub(2)?;
            let lead = [read_signed(input)?, read_signed(input)?];
            out.extend_from_slice(&lead);
            match encoding {
                DELTA2 => read_packed(rest, stepped, form, input, out)?,
                _ => read_rice(rest, stepped, input, out)?,
            }
            sum(&mut out[start + 1..]);
            sum(&mut out[start..]);
        }
        _ => return None,
    }
    // No early exit, so that the compiler can compare several values at once.
    let worst = out[start..].iter().fold(0, |worst: u64, value| worst.max(value.unsigned_abs()));
    (worst <= INTEGER_MAX.unsigned_abs()).then_some(())
}

/// Appends `values` with their tag in front; a single one needs none.
pub(super) fn encode_block(values: &[i64], scratch: &mut Scratch, out: &mut Vec<u8>) {
    if let [only] = values {
        return write_signed(out, *only);
    }
    let place = out.len();
    out.push(0);
    out[place] = encode(values, Form::Inline, scratch, out);
}

/// Replaces `out` with what [`encode_block`] wrote.
pub(super) fn decode_block(count: usize, input: &mut &[u8], out: &mut Vec<i64>) -> Option<()> {
    out.clear();
    if count == 1 {
        return decode(CONSTANT, 1, Form::Inline, input, out);
    }
    let (tag, rest) = input.split_first()?;
    *input = rest;
    decode(*tag, count, Form::Inline, input, out)
}

pub(super) fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    prost::encoding::encode_varint(value, out);
}

pub(super) fn read_unsigned(input: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(input).ok()
}

/// A varint that counts something in memory.
pub(super) fn read_count(input: &mut &[u8]) -> Option<usize> {
    usize::try_from(read_unsigned(input)?).ok()
}

fn write_signed(out: &mut Vec<u8>, value: i64) {
    write_unsigned(out, zigzag(value));
}

fn read_signed(input: &mut &[u8]) -> Option<i64> {
    read_unsigned(input).map(unzigzag)
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

fn varint_bytes(value: u64) -> usize {
    prost::encoding::encoded_len_varint(value)
}

fn differences(values: &[i64], out: &mut Vec<i64>) {
    out.clear();
    out.extend(values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
}

/// Turns differences back into values.
fn sum(values: &mut [i64]) {
    let mut total = 0_i64;
    for value in values {
        total = total.wrapping_add(*value);
        *value = total;
    }
}

fn choose(values: &[i64], form: Form, scratch: &Scratch) -> Choice {
    let Scratch { first, second } = scratch;
    if first.iter().all(|delta| *delta == 0) {
        return Choice { form, bytes: 0, encoding: CONSTANT, width: 0, step: 1 };
    }
    let lead = varint_bytes(zigzag(values[0]));
    let lead2 = lead + varint_bytes(zigzag(first[0]));
    let mut best = packed_choice(PACKED, 0, form, values)
        .or(packed_choice(DELTA, lead, form, first))
        .or(rice_choice(RICE, lead, form, first));
    if !second.is_empty() {
        best =
            best.or(packed_choice(DELTA2, lead2, form, second)).or(rice_choice(RICE2, lead2, form, second));
    }
    let changes = first.iter().filter(|delta| **delta != 0).count();
    // A run costs two bytes at least.
    if 2 * changes + 3 < best.bytes {
        best = best.or(Choice { form, bytes: runs_bytes(values), encoding: RUNS, width: 0, step: 1 });
    }
    best
}

impl Choice {
    /// The smaller; of equals the first.
    fn or(self, other: Self) -> Self {
        if other.bytes < self.bytes { other } else { self }
    }
}

fn packed_choice(encoding: u8, lead: usize, form: Form, values: &[i64]) -> Choice {
    let (mut min, mut max, mut step) = (values[0], values[0], 0);
    for value in values {
        min = min.min(*value);
        max = max.max(*value);
        if step != 1 {
            step = gcd(step, value.wrapping_sub(values[0]).unsigned_abs());
        }
    }
    let step = step.max(1);
    let span = max.wrapping_sub(min).cast_unsigned() / step;
    let width = u64::BITS - span.leading_zeros();
    let packed = bit_bytes(values.len(), width);
    let (width, width_bytes) = match form {
        Form::Inline => (width, 1),
        Form::Tail => (tail_width(values.len(), packed), 0),
    };
    let bytes = lead + varint_bytes(zigzag(min)) + step_bytes(step) + width_bytes + packed;
    Choice { form, bytes, encoding, width, step }
}

/// The widest numbers of which `count` fit; what encoder and decoder agree on at the end of a payload.
fn tail_width(count: usize, bytes: usize) -> u32 {
    let width = (bytes * 8).checked_div(count).unwrap_or(0);
    u32::try_from(width).map_or(WIDTH_MAX, |width| width.min(WIDTH_MAX))
}

fn rice_choice(encoding: u8, lead: usize, form: Form, values: &[i64]) -> Choice {
    let mut step = 0;
    for value in values {
        if step == 1 {
            break;
        }
        step = gcd(step, value.unsigned_abs());
    }
    let step = step.max(1);
    let codes = || values.iter().map(|value| rice_code(*value, step));
    let bits_of = |parameter: u32| codes().map(|code| bits::rice_bits(code, parameter)).sum::<usize>();
    let (bits, width) =
        rice_parameters(codes()).map(|parameter| (bits_of(parameter), parameter)).min().unwrap_or((0, 0));
    Choice { form, bytes: lead + step_bytes(step) + 1 + bits.div_ceil(8), encoding, width, step }
}

/// The parameters that may be the best: between the shortest and the longest code. Nothing less
/// than trying finds the one that suits both the many and the outliers.
fn rice_parameters(codes: impl Iterator<Item = u64>) -> RangeInclusive<u32> {
    let length = |code: u64| u64::BITS - code.leading_zeros();
    let (shortest, longest) = codes.map(length).fold((u64::BITS, 0), |(shortest, longest), length| {
        (shortest.min(length.max(1)), longest.max(length))
    });
    let most = longest.saturating_sub(1).min(bits::RICE_PARAMETER_MAX);
    shortest.saturating_sub(2).min(most)..=most
}

/// Exact, as the step divides the value.
fn rice_code(value: i64, step: u64) -> u64 {
    let magnitude = if step == 1 { value.unsigned_abs() } else { value.unsigned_abs() / step };
    (magnitude << 1).wrapping_sub(u64::from(value < 0))
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn step_bytes(step: u64) -> usize {
    if step > 1 { varint_bytes(step) } else { 0 }
}

fn bit_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

fn write_step(choice: Choice, out: &mut Vec<u8>) {
    if choice.step > 1 {
        write_unsigned(out, choice.step);
    }
}

fn read_step(stepped: bool, input: &mut &[u8]) -> Option<u64> {
    if stepped { read_unsigned(input).filter(|step| *step > 1) } else { Some(1) }
}

fn write_width(choice: Choice, out: &mut Vec<u8>) {
    out.push(u8::try_from(choice.width).expect("a width is at most 64"));
}

fn read_width(input: &mut &[u8]) -> Option<u32> {
    let (width, rest) = input.split_first()?;
    *input = rest;
    Some(u32::from(*width))
}

fn write_packed(values: &[i64], choice: Choice, out: &mut Vec<u8>) {
    let min = values.iter().copied().min().unwrap_or(0);
    write_signed(out, min);
    write_step(choice, out);
    if choice.form == Form::Inline {
        write_width(choice, out);
    }
    let mut writer = BitWriter::new(out);
    for value in values {
        writer.write(value.wrapping_sub(min).cast_unsigned() / choice.step, choice.width);
    }
    writer.finish();
}

fn read_packed(count: usize, stepped: bool, form: Form, input: &mut &[u8], out: &mut Vec<i64>) -> Option<()> {
    let min = read_signed(input)?;
    let step = read_step(stepped, input)?;
    let width = match form {
        Form::Inline => read_width(input)?,
        Form::Tail => tail_width(count, input.len()),
    };
    if width > WIDTH_MAX {
        return None;
    }
    let (packed, rest) = input.split_at_checked(bit_bytes(count, width))?;
    *input = rest;
    let value = |code: u64| min.wrapping_add(code.wrapping_mul(step).cast_signed());
    bits::unpack(packed, count, width, |code| out.push(value(code)));
    Some(())
}

fn write_rice(values: &[i64], choice: Choice, out: &mut Vec<u8>) {
    write_step(choice, out);
    write_width(choice, out);
    let mut writer = BitWriter::new(out);
    for value in values {
        writer.write_rice(rice_code(*value, choice.step), choice.width);
    }
    writer.finish();
}

fn read_rice(count: usize, stepped: bool, input: &mut &[u8], out: &mut Vec<i64>) -> Option<()> {
    let step = read_step(stepped, input)?;
    let parameter = read_width(input).filter(|parameter| *parameter <= bits::RICE_PARAMETER_MAX)?;
    let mut reader = BitReader::new(input);
    for _ in 0..count {
        let code = reader.read_rice(parameter)?;
        let magnitude = (code >> 1).wrapping_add(code & 1).wrapping_mul(step).cast_signed();
        out.push(if code & 1 == 1 { magnitude.wrapping_neg() } else { magnitude });
    }
    *input = reader.rest();
    Some(())
}

fn runs(values: &[i64]) -> impl Iterator<Item = &[i64]> {
    values.chunk_by(|a, b| a == b)
}

fn runs_bytes(values: &[i64]) -> usize {
    let mut before = 0;
    let mut bytes = varint_bytes(runs(values).count() as u64);
    for run in runs(values) {
        bytes += varint_bytes(zigzag(run[0].wrapping_sub(before))) + varint_bytes(run.len() as u64 - 1);
        before = run[0];
    }
    bytes
}

fn write_runs(values: &[i64], out: &mut Vec<u8>) {
    write_unsigned(out, runs(values).count() as u64);
    let mut before = 0;
    for run in runs(values) {
        write_signed(out, run[0].wrapping_sub(before));
        write_unsigned(out, run.len() as u64 - 1);
        before = run[0];
    }
}

fn read_runs(count: usize, input: &mut &[u8], out: &mut Vec<i64>) -> Option<()> {
    let runs = read_count(input)?;
    let (mut left, mut value) = (count, 0_i64);
    for _ in 0..runs {
        value = value.wrapping_add(read_signed(input)?);
        let length = read_count(input)?.checked_add(1)?;
        left = left.checked_sub(length)?;
        out.resize(out.len() + length, value);
    }
    (left == 0).then_some(())
}

#[cfg(test)]
mod tests;
