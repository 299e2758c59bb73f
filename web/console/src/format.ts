const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 0 });
const fraction = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });
const dateTime = new Intl.DateTimeFormat('en-GB', {
  day: '2-digit',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const date = new Intl.DateTimeFormat('en-GB', { day: '2-digit', month: 'short', year: 'numeric' });
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export function count(value: number): string {
  return whole.format(Math.round(value));
}

/** Whole below 10,000, then with k, M or B. */
export function short(value: number): string {
  return Math.abs(value) < 10_000 ? count(value) : compact.format(value);
}

/** A share; one decimal near the ends, so that 99.9 % doesn't claim to be all. */
export function share(part: number, total: number): string {
  if (total <= 0) return '–';
  const ratio = part / total;
  const nearAnEnd = (ratio > 0.99 && ratio < 1) || (ratio > 0 && ratio < 0.01);
  return (nearAnEnd ? fraction : percent).format(nearAnEnd ? Math.min(ratio, 0.999) : ratio);
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [amount, unit] = [value, 0];
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${amount < 10 && unit > 0 ? amount.toFixed(1) : Math.round(amount)} ${units[unit]}`;
}

export function ago(at: string | number | null | undefined, now: number): string {
  if (at === null || at === undefined) return 'never';
  const seconds = Math.round((now - new Date(at).getTime()) / 1000);
  if (Number.isNaN(seconds)) return 'never';
  if (seconds < 2) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

export function fullTime(at: string | number | null | undefined): string {
  return at === null || at === undefined ? 'never' : dateTime.format(new Date(at));
}

export function day(at: string | number): string {
  return date.format(new Date(at));
}

/** The day as the API takes it; nothing for what is no day. */
export function dayStart(day: string | null, plusDays = 0): string | undefined {
  const time = day ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time + plusDays * 86_400_000).toISOString();
}

export function clockTime(at: string | number): string {
  return time.format(new Date(at));
}

export function duration(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${trim(ms / 1000)} s`;
  if (ms < 3_600_000) return `${trim(ms / 60_000)} min`;
  return `${trim(ms / 3_600_000)} h`;
}

/** `alfa-romeo` as `Alfa Romeo`. */
export function titleCase(slug: string): string {
  return slug.replace(
    /(^|[-_ ])(\p{L})/gu,
    (_, gap: string, letter: string) => (gap ? ' ' : '') + letter.toUpperCase(),
  );
}

/** `fca-compact-us-wide` as `FCA Compact US Wide`: makers' abbreviations stay in capitals. */
export function architectureName(slug: string): string {
  const capitals = new Set(['psa', 'fca', 'gm', 'us', 'dt', 'hd', 'vss', 'aee2004', 'aee2010']);
  return slug
    .split(/[-_]/)
    .map((word) => (capitals.has(word) ? word.toUpperCase() : titleCase(word)))
    .join(' ');
}

/** The end of an id that people compare; ids are random, so a few characters tell cars apart. */
export function shortId(id: string): string {
  return id.length > 12 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id;
}

const UNITS: Record<string, string> = {
  percent: '%',
  celsius: '°C',
  Celsius: '°C',
  degrees: '°',
  'degrees/s': '°/s',
  'm/s^2': 'm/s²',
  'cm^3': 'cm³',
  iso8601: '',
};

export function unitName(unit: string | null | undefined): string {
  return unit ? (UNITS[unit] ?? unit) : '';
}

export interface Shown {
  value: string;
  unit: string;
}

/** A signal's value as people read it. Distances in metres become kilometres when they are long. */
export function signalValue(value: unknown, unit?: string | null): Shown {
  if (value === null || value === undefined) return { value: '–', unit: '' };
  if (typeof value === 'boolean') return { value: value ? 'Yes' : 'No', unit: '' };
  if (typeof value === 'number') {
    if (unit === 'm' && Math.abs(value) >= 10_000) return { value: count(value / 1000), unit: 'km' };
    return { value: digits(value), unit: unitName(unit) };
  }
  if (Array.isArray(value)) {
    return {
      value: value.map((item) => signalValue(item).value).join(', ') || 'empty',
      unit: unitName(unit),
    };
  }
  const text = String(value);
  return /^[A-Z][A-Z0-9_]*$/.test(text) && text.length > 2
    ? { value: titleCase(text.toLowerCase()), unit: unitName(unit) }
    : { value: text, unit: unitName(unit) };
}

/** Enough digits to see a change, no more: 4 or 5 in all, and whole numbers as they are. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return whole.format(value);
  const size = Math.abs(value);
  const decimals = size >= 1000 ? 1 : size >= 100 ? 1 : size >= 1 ? 2 : 4;
  return new Intl.NumberFormat('en', { maximumFractionDigits: decimals }).format(value);
}

function trim(value: number): string {
  return String(Math.round(value * 10) / 10);
}
