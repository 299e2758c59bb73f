import type { HistoryColumn, HistoryPage, Reduce, SignalItem } from '@marque/api';
import type { Car } from './car.ts';

type Cell = SignalItem['value'];

const REDUCTIONS: Reduce[] = ['min', 'max', 'mean', 'last'];

/** Makes up a plausible past: smooth waves that end near the car's present value. */
export function history(car: Car, query: URLSearchParams, now: number): HistoryPage {
  const from = Date.parse(query.get('from') ?? '');
  const to = Math.min(Date.parse(query.get('to') ?? ''), now);
  const interval = intervalMs(query.get('interval'));
  const reductions = REDUCTIONS.filter((name) => (query.get('reduce') ?? 'mean').split(',').includes(name));
  const present = new Map(car.signals(now).map((signal) => [signal.path, signal]));
  const paths = (query.get('signals') ?? '').split(',').filter((path) => present.has(path));
  const step = interval ?? 1000;
  const columns = paths.flatMap((path): HistoryColumn[] => {
    const unit = present.get(path)?.unit ?? null;
    return interval ? reductions.map((reduce) => ({ path, unit, reduce })) : [{ path, unit, reduce: null }];
  });
  const rows: Cell[][] = [];
  const hole = now - 1_500_000;
  for (let at = Math.ceil(from / step) * step; at < to; at += step) {
    // A car that was away for a while: charts must show the hole.
    if (at > hole - 240_000 && at < hole) continue;
    rows.push([
      new Date(at).toISOString(),
      ...columns.map(({ path, reduce }) => value(present.get(path)?.value, path, at, reduce, step)),
    ]);
  }
  return { columns, rows: rows.slice(0, 10_000), next_cursor: null, withheld: [] };
}

function value(
  present: Cell | undefined,
  path: string,
  at: number,
  reduce: string | null,
  step: number,
): Cell {
  if (typeof present === 'boolean') return Math.sin(at / 90_000 + path.length) > 0.3;
  if (typeof present !== 'number') return present ?? null;
  const size = Math.max(Math.abs(present) * 0.12, path.endsWith('Speed') ? 14 : 0.4);
  const slow = Math.sin(at / 61_000 + path.length) + 0.6 * Math.sin(at / 23_000);
  const noise = Math.sin(at * 12.9898) * 0.35;
  const spread = Math.min(1, step / 60_000) * 0.8 + 0.25;
  const middle =
    present + size * (slow + (step > 5000 ? 0 : noise)) - size * Math.sin(Date.now() / 61_000 + path.length);
  const shifted =
    reduce === 'min' ? middle - size * spread : reduce === 'max' ? middle + size * spread : middle;
  return Number((path.endsWith('Speed') ? Math.max(0, shifted) : shifted).toFixed(3));
}

export function intervalMs(text: string | null): number | undefined {
  const parts = /^(?:PT)?(\d+(?:\.\d+)?)(ms|s|m|h)$/i.exec(text ?? '');
  if (!parts) return undefined;
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[parts[2]?.toLowerCase() ?? 's'] ?? 1000;
  return Number(parts[1]) * unit;
}
