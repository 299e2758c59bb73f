import { describe, expect, it } from 'vitest';
import { errorCorrection, multiply, type QrCode, qrCode } from './qr';

const uri = (name: string) =>
  `otpauth://totp/Marque:${name}?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Marque&algorithm=SHA1&digits=6&period=30`;

function rows(code: QrCode | undefined): string[] {
  return (code ?? []).map((row) => row.map((dark) => (dark ? '#' : '.')).join(''));
}

describe('a QR code', () => {
  it('corrects errors as the example of the standard (annex I)', () => {
    const data = [
      0x10, 0x20, 0x0c, 0x56, 0x61, 0x80, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11,
    ];
    const expected = [0xa5, 0x24, 0xd4, 0xc1, 0xed, 0x36, 0xc7, 0x87, 0x2c, 0x55];
    expect(errorCorrection(data, 10)).toEqual(expected);
  });

  it('calculates in its field', () => {
    expect(multiply(0x80, 2)).toBe(0x1d);
    expect(multiply(0x53, 0xca)).toBe(multiply(0xca, 0x53));
  });

  it('is as small as the text allows', () => {
    expect(qrCode('')).toHaveLength(21);
    expect(qrCode('a'.repeat(14))).toHaveLength(21);
    expect(qrCode('a'.repeat(15))).toHaveLength(25);
    expect(qrCode('a'.repeat(180))).toHaveLength(53);
    expect(qrCode('a'.repeat(181))).toHaveLength(57);
    expect(qrCode('a'.repeat(213))).toHaveLength(57);
    expect(qrCode('a'.repeat(214))).toBeUndefined();
  });

  it('is the same as other encoders draw', () => {
    expect(rows(qrCode('Marque'))).toMatchInlineSnapshot(`
      [
        "#######...#...#######",
        "#.....#..###..#.....#",
        "#.###.#.##..#.#.###.#",
        "#.###.#.###...#.###.#",
        "#.###.#.#.###.#.###.#",
        "#.....#.#.#.#.#.....#",
        "#######.#.#.#.#######",
        "........#.###........",
        "#.#####...#.#.#####..",
        "##...#.##...#..#..#.#",
        ".#.##.####.#.#..####.",
        "###..#.####....#####.",
        "#.#.#####..#.#..##.##",
        "........#..#####..#..",
        "#######...#.#.##...#.",
        "#.....#.#.#####..##.#",
        "#.###.#.#.#.#....#.#.",
        "#.###.#.#...#..##.#..",
        "#.###.#.#..#.#...##..",
        "#.....#..##......##..",
        "#######.##.#.#...#.#.",
      ]
    `);
  });

  it.each([1, 14, 15, 26, 60, 84, 106, 122, 152, 180, 213])('of %i bytes can be read', (len) => {
    const text = Array.from({ length: len }, (_, at) => String.fromCharCode(33 + ((at * 7) % 90))).join('');
    expect(read(qrCode(text) ?? [])).toBe(text);
  });

  it('of a second factor can be read', () => {
    expect(read(qrCode(uri('operator')) ?? [])).toBe(uri('operator'));
    expect(read(qrCode(uri('françois')) ?? [])).toBe(uri('françois'));
  });
});

/** Reads a code as a scanner does once it has found the modules: by what stands in it, and without the encoder. */
function read(code: QrCode): string {
  const size = code.length;
  const version = (size - 17) / 4;
  const at = (row: number, column: number) => code[row]?.[column] ?? false;
  // Masks of level M by their format bits (table C.1).
  const formats = ['101010000010010', '101000100100101', '101111001111100', '101101101001011'];
  formats.push('100010111111001', '100000011001110', '100111110010111', '100101010100000');
  const around = [0, 1, 2, 3, 4, 5, 7].map((column) => at(8, column));
  const format = [...around, at(8, 8), ...[7, 5, 4, 3, 2, 1, 0].map((row) => at(row, 8))];
  const below = Array.from({ length: 7 }, (_, index) => at(size - 1 - index, 8));
  const beside = Array.from({ length: 8 }, (_, index) => at(8, size - 8 + index));
  expect([...below, ...beside]).toEqual(format);
  const mask = formats.indexOf(format.map(Number).join(''));
  expect(mask).toBeGreaterThanOrEqual(0);

  const bits: number[] = [];
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++)
      for (const column of [right, right - 1]) {
        const row = up ? size - 1 - step : step;
        if (!isFixed(row, column, version))
          bits.push(Number(at(row, column) !== isMasked(mask, row, column)));
      }
  }
  const words = Array.from({ length: bits.length >> 3 }, (_, index) =>
    Number.parseInt(bits.slice(index * 8, index * 8 + 8).join(''), 2),
  );
  const blocks = deinterleave(words, version);
  const data = blocks.flatMap(({ data, correction }) => {
    expect(errorCorrection(data, correction.length)).toEqual(correction);
    return data;
  });
  const text = data.map((word) => word.toString(2).padStart(8, '0')).join('');
  expect(text.slice(0, 4)).toBe('0100');
  const lenBits = version < 10 ? 8 : 16;
  const len = Number.parseInt(text.slice(4, 4 + lenBits), 2);
  const bytes = Array.from({ length: len }, (_, index) =>
    Number.parseInt(text.slice(4 + lenBits + index * 8, 12 + lenBits + index * 8), 2),
  );
  return new TextDecoder().decode(new Uint8Array(bytes));
}

function isMasked(mask: number, i: number, j: number): boolean {
  const product = i * j;
  return (
    [
      (i + j) % 2,
      i % 2,
      j % 3,
      (i + j) % 3,
      ((i >> 1) + Math.floor(j / 3)) % 2,
      (product % 2) + (product % 3),
      ((product % 2) + (product % 3)) % 2,
      (((i + j) % 2) + (product % 3)) % 2,
    ][mask] === 0
  );
}

function isFixed(row: number, column: number, version: number): boolean {
  const size = version * 4 + 17;
  if (row === 6 || column === 6) return true;
  if ((row < 9 && column < 9) || (row < 9 && column >= size - 8) || (row >= size - 8 && column < 9))
    return true;
  if (version >= 7 && ((row < 6 && column >= size - 11) || (column < 6 && row >= size - 11))) return true;
  const middle = { 7: 22, 8: 24, 9: 26, 10: 28 }[version];
  const centres = version === 1 ? [] : [6, ...(middle ? [middle] : []), size - 7];
  const beside = (place: number) => centres.find((centre) => Math.abs(centre - place) <= 2);
  const [y, x] = [beside(row), beside(column)];
  if (y === undefined || x === undefined) return false;
  return !((y === 6 && x === 6) || (y === 6 && x === size - 7) || (y === size - 7 && x === 6));
}

/** Of the standard's table 9, level M: of each group of blocks how many, and how much data each has. */
function deinterleave(words: number[], version: number): { data: number[]; correction: number[] }[] {
  const groups = {
    1: [[1, 16]],
    2: [[1, 28]],
    3: [[1, 44]],
    4: [[2, 32]],
    5: [[2, 43]],
    6: [[4, 27]],
    7: [[4, 31]],
    8: [
      [2, 38],
      [2, 39],
    ],
    9: [
      [3, 36],
      [2, 37],
    ],
    10: [
      [4, 43],
      [1, 44],
    ],
  }[version];
  const lens = (groups ?? []).flatMap(([count = 0, len = 0]) => new Array<number>(count).fill(len));
  const blocks = lens.map(() => ({ data: [] as number[], correction: [] as number[] }));
  const rest = [...words];
  for (let at = 0; at < Math.max(...lens); at++)
    blocks.forEach((block, index) => {
      if (at < (lens[index] ?? 0)) block.data.push(rest.shift() ?? 0);
    });
  const total = lens.reduce((sum, len) => sum + len, 0);
  const eccLen = (words.length - total) / lens.length;
  for (let at = 0; at < eccLen; at++) for (const block of blocks) block.correction.push(rest.shift() ?? 0);
  return blocks;
}
