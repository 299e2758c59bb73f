/**
 * QR codes (ISO/IEC 18004) for short texts: byte mode, error correction M, versions 1 to 10. Drawn here, so that a
 * secret goes to no one else to become a picture.
 */

/** Rows of modules; true is dark. */
export type QrCode = readonly (readonly boolean[])[];

/** By version from 1: error correction codewords a block, and blocks (table 9, level M). */
const BLOCKS: readonly [eccLen: number, blocks: number][] = [
  [10, 1],
  [16, 1],
  [26, 1],
  [18, 2],
  [24, 2],
  [16, 4],
  [18, 4],
  [22, 4],
  [22, 5],
  [26, 5],
];

/** By version from 1: all codewords (table 1). */
const CODEWORDS = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346];

/** By version from 1: centres of alignment patterns (annex E). */
const ALIGNMENT = [
  [],
  [6, 18],
  [6, 22],
  [6, 26],
  [6, 30],
  [6, 34],
  [6, 22, 38],
  [6, 24, 42],
  [6, 26, 46],
  [6, 28, 50],
];

const MASKS: readonly ((row: number, column: number) => boolean)[] = [
  (row, column) => (row + column) % 2 === 0,
  (row) => row % 2 === 0,
  (_, column) => column % 3 === 0,
  (row, column) => (row + column) % 3 === 0,
  (row, column) => (Math.floor(row / 2) + Math.floor(column / 3)) % 2 === 0,
  (row, column) => ((row * column) % 2) + ((row * column) % 3) === 0,
  (row, column) => (((row * column) % 2) + ((row * column) % 3)) % 2 === 0,
  (row, column) => (((row + column) % 2) + ((row * column) % 3)) % 2 === 0,
];

/** The code of a text, as small as it can be; nothing when the text is longer than 213 bytes. */
export function qrCode(text: string): QrCode | undefined {
  const bytes = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex((_, index) => bytes.length <= bytesMax(index + 1)) + 1;
  if (version === 0) return undefined;
  const codewords = interleave(dataCodewords(bytes, version), version);
  const codes = MASKS.map((_, mask) => draw(codewords, version, mask));
  const least = codes
    .map(penalty)
    .reduce((best, points, mask, all) => (points < (all[best] ?? 0) ? mask : best), 0);
  return codes[least];
}

function dataLen(version: number): number {
  const [eccLen, blocks] = blocksOf(version);
  return (CODEWORDS[version - 1] ?? 0) - eccLen * blocks;
}

/** The mode takes 4 bits, the length 8, from version 10 on 16. */
function bytesMax(version: number): number {
  return dataLen(version) - (version < 10 ? 2 : 3);
}

function blocksOf(version: number): readonly [number, number] {
  return BLOCKS[version - 1] ?? [0, 0];
}

function dataCodewords(bytes: Uint8Array, version: number): number[] {
  const bits: number[] = [];
  const push = (value: number, len: number) => {
    for (let place = len - 1; place >= 0; place--) bits.push((value >> place) & 1);
  };
  push(0b0100, 4);
  push(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) push(byte, 8);
  push(0, Math.min(4, dataLen(version) * 8 - bits.length));
  push(0, (8 - (bits.length % 8)) % 8);
  const codewords: number[] = [];
  for (let start = 0; start < bits.length; start += 8) {
    codewords.push(bits.slice(start, start + 8).reduce((byte, bit) => (byte << 1) | bit, 0));
  }
  for (let pad = 0xec; codewords.length < dataLen(version); pad ^= 0xec ^ 0x11) codewords.push(pad);
  return codewords;
}

/** Blocks of data, each with its error correction, one codeword of each in turn. The last blocks may be one longer. */
function interleave(data: readonly number[], version: number): number[] {
  const [eccLen, count] = blocksOf(version);
  const short = Math.floor(data.length / count);
  const longer = data.length % count;
  const blocks: number[][] = [];
  let start = 0;
  for (let index = 0; index < count; index++) {
    const len = short + (index >= count - longer ? 1 : 0);
    blocks.push(data.slice(start, start + len));
    start += len;
  }
  const corrections = blocks.map((block) => errorCorrection(block, eccLen));
  const inTurn = (lists: number[][], len: number) =>
    Array.from({ length: len }, (_, at) => lists.flatMap((list) => list[at] ?? [])).flat();
  return [...inTurn(blocks, short + 1), ...inTurn(corrections, eccLen)];
}

/** The remainder of Reed and Solomon's division over GF(256). */
export function errorCorrection(data: readonly number[], len: number): number[] {
  const divisor = generator(len);
  const rest = new Array<number>(len).fill(0);
  for (const byte of data) {
    const factor = byte ^ (rest.shift() ?? 0);
    rest.push(0);
    divisor.forEach((coefficient, at) => {
      rest[at] = (rest[at] ?? 0) ^ multiply(coefficient, factor);
    });
  }
  return rest;
}

/** The polynomial with the roots 2^0 to 2^(len - 1), without its leading 1. */
function generator(len: number): number[] {
  const result = [...new Array<number>(len - 1).fill(0), 1];
  let root = 1;
  for (let index = 0; index < len; index++) {
    for (let at = 0; at < len; at++) {
      result[at] = multiply(result[at] ?? 0, root) ^ (result[at + 1] ?? 0);
    }
    root = multiply(root, 2);
  }
  return result;
}

/** In GF(256) by the polynomial 0x11d. */
export function multiply(a: number, b: number): number {
  let product = 0;
  for (let place = 7; place >= 0; place--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> place) & 1) * a;
  }
  return product;
}

function draw(codewords: readonly number[], version: number, mask: number): boolean[][] {
  const size = version * 4 + 17;
  const dark = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  const fixed = Array.from({ length: size }, () => new Array<boolean>(size).fill(false));
  const set = (row: number, column: number, value: boolean) => {
    const [darkRow, fixedRow] = [dark[row], fixed[row]];
    if (!darkRow || !fixedRow || column < 0 || column >= size) return;
    darkRow[column] = value;
    fixedRow[column] = true;
  };
  drawPatterns(version, size, set);
  drawFormat(mask, size, set);
  if (version >= 7) drawVersion(version, size, set);
  drawCodewords(codewords, mask, dark, fixed);
  return dark;
}

type Set = (row: number, column: number, value: boolean) => void;

function drawPatterns(version: number, size: number, set: Set): void {
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  /** Squares within each other around a centre, dark but for the rings that are named. */
  const squares = (row: number, column: number, radius: number, light: number[]) => {
    for (let y = -radius; y <= radius; y++)
      for (let x = -radius; x <= radius; x++)
        set(row + y, column + x, !light.includes(Math.max(Math.abs(x), Math.abs(y))));
  };
  for (const [row, column] of [
    [3, 3],
    [3, size - 4],
    [size - 4, 3],
  ] as const) {
    squares(row, column, 4, [2, 4]);
  }
  const centres = ALIGNMENT[version - 1] ?? [];
  const last = centres.length - 1;
  centres.forEach((row, y) => {
    centres.forEach((column, x) => {
      const finder = (y === 0 && x === 0) || (y === 0 && x === last) || (y === last && x === 0);
      if (!finder) squares(row, column, 2, [1]);
    });
  });
}

/** Twice: the level (M is 00) and the mask, with a BCH code of 10 bits (7.9.1). */
function drawFormat(mask: number, size: number, set: Set): void {
  let rest = mask;
  for (let index = 0; index < 10; index++) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const bits = ((mask << 10) | rest) ^ 0x5412;
  for (let index = 0; index < 15; index++) {
    const bit = ((bits >> index) & 1) === 1;
    const along = index < 6 ? index : index < 8 ? index + 1 : size - 15 + index;
    set(along, 8, bit);
    const across = index < 8 ? size - 1 - index : index === 8 ? 7 : 14 - index;
    set(8, across, bit);
  }
  set(size - 8, 8, true);
}

/** Twice: the version with a BCH code of 12 bits (7.10). */
function drawVersion(version: number, size: number, set: Set): void {
  let rest = version;
  for (let index = 0; index < 12; index++) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
  const bits = (version << 12) | rest;
  for (let index = 0; index < 18; index++) {
    const bit = ((bits >> index) & 1) === 1;
    const [far, near] = [size - 11 + (index % 3), Math.floor(index / 3)];
    set(far, near, bit);
    set(near, far, bit);
  }
}

/** From the right, two columns at once, up and down in turn, beside what is fixed (7.7.3). */
function drawCodewords(
  codewords: readonly number[],
  mask: number,
  dark: boolean[][],
  fixed: readonly boolean[][],
): void {
  const size = dark.length;
  const masked = MASKS[mask] ?? (() => false);
  let index = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    // The column of the timing pattern is left out.
    if (right === 6) right = 5;
    const upward = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      const row = upward ? size - 1 - step : step;
      for (const column of [right, right - 1]) {
        const line = dark[row];
        if (!line || fixed[row]?.[column]) continue;
        const bit = (((codewords[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1;
        line[column] = bit !== masked(row, column);
        index += 1;
      }
    }
  }
}

/** How hard it is to read (7.8.3): long runs, squares, what looks like a finder, an uneven share of dark. */
function penalty(code: QrCode): number {
  const columns = code.map((_, at) => code.map((row) => row[at] ?? false));
  let points = 0;
  for (const line of [...code, ...columns]) {
    const text = line.map((dark) => (dark ? '1' : '0')).join('');
    for (const [run] of text.matchAll(/0{5,}|1{5,}/g)) points += run.length - 2;
    points += 40 * [...text.matchAll(/(?=10111010000|00001011101)/g)].length;
  }
  code.slice(1).forEach((row, above) => {
    row.slice(1).forEach((dark, left) => {
      const [a, b, c] = [code[above]?.[left], code[above]?.[left + 1], row[left]];
      if (a === dark && b === dark && c === dark) points += 3;
    });
  });
  const share = code.flat().filter(Boolean).length / code.length ** 2;
  return points + 10 * Math.floor(Math.abs(share - 0.5) * 20);
}
