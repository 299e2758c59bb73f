/** Who may do what, from the tables that the platform's policies are tested against. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PurposeSlug, Roles } from '@marque/api';

const FOLDER = new URL('../../../crates/identity/tests/expectations/', import.meta.url);
/** Columns that are no person's. */
const OTHERS = ['service', 'car'];

type Row = Record<string, string>;

function table(name: string): Row[] {
  const text = readFileSync(fileURLToPath(new URL(name, FOLDER)), 'utf8');
  const [names = [], ...rows] = text.trim().split('\n').map(cells);
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? ''])));
}

/** Of a line in RFC 4180's format; no cell holds a line's end. */
function cells(line: string): string[] {
  const found = line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g);
  return [...found].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

const actions = table('actions.csv');
const expectations = new Map(table('expectations.csv').map((row) => [row.action, row]));
const purposes = table('purposes.csv');

/** Which routes an action has, as patterns of the path. */
const routes = actions.flatMap(({ action = '', route = '' }) =>
  route
    .split(' ; ')
    .filter((route) => /^(GET|POST|PUT|PATCH|DELETE) \/v1\//.test(route))
    .map((route) => {
      const [method = '', path = ''] = route.split(' ');
      return { action, method, pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`) };
    }),
);

export function actionOf(method: string, path: string): string | undefined {
  return routes.find((route) => route.method === method && route.pattern.test(path))?.action;
}

/** Whether an allowed request of an action leaves an entry in the audit. */
export function isRecorded(action: string): boolean {
  const row = actions.find((row) => row.action === action);
  return row?.privileged === 'yes' || (row?.personal_data === 'yes' && !action.startsWith('account.'));
}

/** What a function may do: `no`, or how far it reaches. */
export function cellOf(action: string, name: string): string {
  return expectations.get(action)?.[name] ?? 'no';
}

export function functionsOf(): string[] {
  const [first] = expectations.values();
  return Object.keys(first ?? {}).filter((name) => name !== 'action' && !OTHERS.includes(name));
}

export function roles(): Roles {
  const functions = functionsOf();
  return {
    functions,
    actions: actions
      .map(({ action = '', meaning = '' }) => ({
        action,
        meaning,
        cells: Object.fromEntries(functions.map((name) => [name, cellOf(action, name)])),
      }))
      .filter(({ cells }) => Object.values(cells).some((cell) => cell !== 'no')),
  };
}

export function purposesOf(functions: string[]): PurposeSlug[] {
  const named = purposes.filter((row) => functions.includes(row.function ?? ''));
  const all = Object.keys(purposes[0] ?? {}).filter((key) => key !== 'function') as PurposeSlug[];
  return all.filter((purpose) => named.some((row) => row[purpose] === 'yes'));
}
