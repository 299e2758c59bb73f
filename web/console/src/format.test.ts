import { describe, expect, it } from 'vitest';
import * as format from './format';
import { dayStart } from './format';

describe('ago', () => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  it.each([
    ['2026-11-23T11:59:59.500Z', 'now'],
    ['2026-11-23T11:59:30Z', '30 s ago'],
    ['2026-11-23T11:30:00Z', '30 min ago'],
    ['2026-11-23T02:00:00Z', '10 h ago'],
    ['2026-11-20T12:00:00Z', '3 d ago'],
    [null, 'never'],
    ['not a time', 'never'],
  ])('says %s as %s', (at, text) => expect(format.ago(at, now)).toBe(text));

  it('takes a clock that runs ahead as now', () => {
    expect(format.ago('2026-11-23T12:00:05Z', now)).toBe('now');
  });
});

describe('signalValue', () => {
  it('turns long distances into kilometres', () => {
    expect(format.signalValue(152_400, 'm')).toEqual({ value: '152', unit: 'km' });
    expect(format.signalValue(812, 'm')).toEqual({ value: '812', unit: 'm' });
  });

  it('writes VSS units as people do', () => {
    expect(format.signalValue(21.5, 'celsius')).toEqual({ value: '21.5', unit: '°C' });
    expect(format.signalValue(80, 'percent')).toEqual({ value: '80', unit: '%' });
  });

  it('reads enumerations and switches as words', () => {
    expect(format.signalValue('PARTIALLY_OPEN').value).toBe('Partially Open');
    expect(format.signalValue('ON').value).toBe('ON');
    expect(format.signalValue(false).value).toBe('No');
  });

  it('shows what is missing as a dash and lists item by item', () => {
    expect(format.signalValue(null, 'km/h')).toEqual({ value: '–', unit: '' });
    expect(format.signalValue(['P0420', 'P0171']).value).toBe('P0420, P0171');
    expect(format.signalValue([]).value).toBe('empty');
  });
});

describe('share', () => {
  it('never rounds nearly all up to all', () => {
    expect(format.share(1399, 1400)).toBe('99.9%');
    expect(format.share(999_999, 1_000_000)).toBe('99.9%');
    expect(format.share(1400, 1400)).toBe('100%');
    expect(format.share(0, 0)).toBe('–');
  });
});

describe('numbers', () => {
  it('keeps as many digits as tell a change', () => {
    expect([0.01234, 1.23456, 123.456, 1234.56, 7].map(format.digits)).toEqual([
      '0.0123',
      '1.23',
      '123.5',
      '1,234.6',
      '7',
    ]);
  });

  it('counts bytes in powers of a thousand', () => {
    expect([12, 1500, 64_000_000].map(format.bytes)).toEqual(['12 B', '1.5 kB', '64 MB']);
  });
});

describe('names', () => {
  it('keeps the abbreviations of architectures', () => {
    expect(format.architectureName('fca-compact-us-wide')).toBe('FCA Compact US Wide');
    expect(format.architectureName('psa-aee2010')).toBe('PSA AEE2010');
  });

  it('shortens ids but not short ones', () => {
    expect(format.shortId('0123456789abcdef0123456789abcdef')).toBe('01234567…cdef');
    expect(format.shortId('abc')).toBe('abc');
  });
});

it('a day begins at midnight, and the next one a day later', () => {
  expect(dayStart('2026-11-23')).toBe('2026-11-23T00:00:00.000Z');
  expect(dayStart('2026-11-30', 1)).toBe('2026-12-01T00:00:00.000Z');
  expect(dayStart('soon')).toBeUndefined();
  expect(dayStart(null)).toBeUndefined();
});
