import type { HistoryColumn, HistoryPage, Reduce } from '@marque/api';

export interface Series {
  path: string;
  unit: string | null;
  /** Seconds since 1970, rising. */
  times: number[];
  values: (number | null)[];
  /** The extent around each value, when it was asked for. */
  low?: (number | null)[];
  high?: (number | null)[];
  /** A switch: drawn in steps. */
  switching: boolean;
}

export type Show = 'band' | Reduce;

/** The choices for how fine a chart is. `auto` follows the range. */
export const INTERVALS = [
  { value: 'auto', label: 'Auto', ms: undefined },
  { value: 'raw', label: 'Raw', ms: 0 },
  { value: '1s', label: '1 s', ms: 1000 },
  { value: '10s', label: '10 s', ms: 10_000 },
  { value: '1m', label: '1 min', ms: 60_000 },
  { value: '10m', label: '10 min', ms: 600_000 },
] as const;

export type Interval = (typeof INTERVALS)[number]['value'];

export const RANGES = [
  { value: '5m', label: '5 min', ms: 300_000 },
  { value: '15m', label: '15 min', ms: 900_000 },
  { value: '1h', label: '1 h', ms: 3_600_000 },
  { value: '6h', label: '6 h', ms: 21_600_000 },
  { value: '24h', label: '24 h', ms: 86_400_000 },
] as const;

export type Range = (typeof RANGES)[number]['value'];

/** More points than this are not seen on a screen, and cost the platform to read. */
const POINTS_LEN_MAX = 5_000;

/** The interval in ms for a choice and a range; 0 means every sample. */
export function intervalMs(choice: Interval, rangeMs: number): number {
  const ms = INTERVALS.find((interval) => interval.value === choice)?.ms;
  if (ms !== undefined && (ms === 0 ? rangeMs <= 3_600_000 : rangeMs / ms <= POINTS_LEN_MAX)) return ms;
  if (rangeMs <= 300_000) return 0;
  const steps = [1000, 2000, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000];
  return steps.find((step) => rangeMs / step <= 500) ?? 600_000;
}

/** As the API spells it (ISO 8601). */
export function isoDuration(ms: number): string {
  return `PT${ms / 1000}S`;
}

export function reductions(show: Show): Reduce[] {
  return show === 'band' ? ['mean', 'min', 'max'] : [show];
}

/** The rows of a history, as one series for each signal. Rows of several pages are joined first. */
export function toSeries(pages: Pick<HistoryPage, 'columns' | 'rows'>[], show: Show): Series[] {
  const columns = pages[0]?.columns ?? [];
  const rows = pages.flatMap((page) => page.rows);
  const paths = [...new Set(columns.map((column) => column.path))];
  return paths.map((path) => {
    const main = find(columns, path, show === 'band' ? 'mean' : show);
    const low = show === 'band' ? find(columns, path, 'min') : -1;
    const high = show === 'band' ? find(columns, path, 'max') : -1;
    const banded = low >= 0 && high >= 0 && low !== main;
    const series: Series = {
      path,
      unit: columns[main]?.unit ?? null,
      times: [],
      values: [],
      switching: false,
      ...(banded && { low: [], high: [] }),
    };
    for (const row of rows) {
      // The first cell of a row is its time; the columns follow.
      const cell = row[main + 1];
      if (cell === null || cell === undefined) continue;
      if (typeof cell === 'boolean') series.switching = true;
      series.times.push(Date.parse(String(row[0])) / 1000);
      series.values.push(toNumber(cell));
      if (banded) {
        series.low?.push(toNumber(row[low + 1]));
        series.high?.push(toNumber(row[high + 1]));
      }
    }
    return series;
  });
}

/** The column of a reduction; raw histories have one column without any. */
function find(columns: HistoryColumn[], path: string, reduce: Reduce): number {
  const exact = columns.findIndex((column) => column.path === path && column.reduce === reduce);
  return exact >= 0 ? exact : columns.findIndex((column) => column.path === path && !column.reduce);
}

export function toNumber(cell: unknown): number | null {
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : null;
  if (typeof cell === 'boolean') return cell ? 1 : 0;
  return null;
}

/** Adds a live value and lets go of what left the window. Values that are not newer are ignored. */
export function append(series: Series, time: number, value: number | null, from: number): Series {
  const last = series.times.at(-1);
  if (last !== undefined && time <= last) return series;
  const start = series.times.findIndex((known) => known >= from);
  const keep = <T>(list: T[], next: T): T[] => [...(start < 0 ? [] : list.slice(start)), next];
  return {
    ...series,
    times: keep(series.times, time),
    values: keep(series.values, value),
    ...(series.low && { low: keep(series.low, value) }),
    ...(series.high && { high: keep(series.high, value) }),
  };
}

/** Puts a gap wherever nothing came for much longer than usual, so that no line claims to know. */
export function withGaps(series: Series, expectedMs: number): Series {
  const longest = Math.max(expectedMs / 1000, median(series.times)) * 3.5;
  const result: Series = { ...series, times: [], values: [], ...(series.low && { low: [], high: [] }) };
  for (let i = 0; i < series.times.length; i++) {
    const time = series.times[i] ?? 0;
    const before = series.times[i - 1];
    if (before !== undefined && time - before > longest && !series.switching) {
      push(result, before + longest / 3.5, null, null, null);
    }
    push(result, time, series.values[i] ?? null, series.low?.[i] ?? null, series.high?.[i] ?? null);
  }
  return result;
}

function push(
  series: Series,
  time: number,
  value: number | null,
  low: number | null,
  high: number | null,
): void {
  series.times.push(time);
  series.values.push(value);
  series.low?.push(low);
  series.high?.push(high);
}

function median(times: number[]): number {
  const steps = times.slice(1).map((time, index) => time - (times[index] ?? time));
  steps.sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}
