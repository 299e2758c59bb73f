import type { HistoryPage } from '@marque/api';
import { describe, expect, it } from 'vitest';
import { append, intervalMs, isoDuration, type Series, toSeries, withGaps } from './chart-data';

const at = (second: number) => new Date(Date.UTC(2026, 10, 23, 12, 0, second)).toISOString();
const start = Date.UTC(2026, 10, 23, 12) / 1000;

const reduced: Pick<HistoryPage, 'columns' | 'rows'> = {
  columns: [
    { path: 'Vehicle.Speed', unit: 'km/h', reduce: 'min' },
    { path: 'Vehicle.Speed', unit: 'km/h', reduce: 'max' },
    { path: 'Vehicle.Speed', unit: 'km/h', reduce: 'mean' },
    { path: 'Vehicle.IsMoving', unit: null, reduce: 'mean' },
  ],
  rows: [
    [at(0), 1, 9, 5, true],
    [at(10), null, null, null, false],
    [at(20), 2, 8, 6, null],
  ],
};

describe('toSeries', () => {
  it('takes mean, least and greatest of a signal together, and leaves out rows without it', () => {
    const [speed] = toSeries([reduced], 'band');
    expect(speed).toMatchObject({
      path: 'Vehicle.Speed',
      unit: 'km/h',
      times: [start, start + 20],
      values: [5, 6],
      low: [1, 2],
      high: [9, 8],
    });
  });

  it('draws switches as 0 and 1', () => {
    const [, moving] = toSeries([reduced], 'mean');
    expect(moving).toMatchObject({ switching: true, values: [1, 0] });
  });

  it('reads raw columns, which have no reduction, and joins pages', () => {
    const columns = [{ path: 'Vehicle.Speed', unit: 'km/h', reduce: null }];
    const pages = [
      { columns, rows: [[at(0), 1]] },
      { columns, rows: [[at(1), 2]] },
    ];
    const [speed] = toSeries(pages, 'last');
    expect(speed?.values).toEqual([1, 2]);
    expect(speed?.low).toBeUndefined();
  });

  it('makes nothing of nothing', () => {
    expect(toSeries([], 'band')).toEqual([]);
  });
});

describe('intervalMs', () => {
  it('shows every sample of a short range and a bounded number of points of a long one', () => {
    expect(intervalMs('auto', 300_000)).toBe(0);
    for (const range of [900_000, 3_600_000, 21_600_000, 86_400_000]) {
      const step = intervalMs('auto', range);
      expect(range / step).toBeLessThanOrEqual(500);
      expect(range / step).toBeGreaterThan(100);
    }
  });

  it('does not read a day second by second, even when asked to', () => {
    expect(intervalMs('1s', 86_400_000)).toBeGreaterThan(1000);
    expect(intervalMs('raw', 86_400_000)).toBeGreaterThan(0);
    expect(intervalMs('10s', 3_600_000)).toBe(10_000);
  });

  it('is written as ISO 8601', () => expect(isoDuration(10_000)).toBe('PT10S'));
});

describe('append', () => {
  const series: Series = { path: 'p', unit: null, times: [1, 2, 3], values: [1, 2, 3], switching: false };

  it('adds what is newer and lets go of what left the window', () => {
    expect(append(series, 4, 9, 2)).toMatchObject({ times: [2, 3, 4], values: [2, 3, 9] });
  });

  it('ignores what is not newer', () => {
    expect(append(series, 3, 9, 0)).toBe(series);
  });
});

describe('withGaps', () => {
  it('breaks the line where nothing came', () => {
    const series: Series = {
      path: 'p',
      unit: null,
      times: [0, 1, 2, 60, 61],
      values: [1, 1, 1, 5, 5],
      switching: false,
    };
    expect(withGaps(series, 1000).values).toEqual([1, 1, 1, null, 5, 5]);
  });

  it('leaves a signal that comes seldom whole', () => {
    const series: Series = {
      path: 'p',
      unit: null,
      times: [0, 30, 60, 90],
      values: [1, 2, 3, 4],
      switching: false,
    };
    expect(withGaps(series, 1000).values).toEqual([1, 2, 3, 4]);
  });
});
