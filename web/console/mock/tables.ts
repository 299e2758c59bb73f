/** Who may do what, from the tables that the platform's policies are tested against. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FunctionSlug, PurposeSlug, RealmSlug, Right, Roles } from '@marque/api';

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

export function functionsOf(): FunctionSlug[] {
  const [first] = expectations.values();
  return Object.keys(first ?? {}).filter(
    (name) => name !== 'action' && !OTHERS.includes(name),
  ) as FunctionSlug[];
}

/** What everybody has on the own account stands in every column, and is no function's. */
function isOwn(action: string): boolean {
  return functionsOf().every((name) => cellOf(action, name).startsWith('self'));
}

export function roles(): Roles {
  return {
    functions: functionsOf().map((name) => ({
      function: name,
      realm: realmOf(name),
      purposes: purposesOf([name]),
      rights: actions.flatMap(({ action = '' }): Right[] => {
        const [reach = 'no', ...more] = cellOf(action, name).split('+');
        if (reach === 'no' || isOwn(action)) return [];
        return [{ action, reach: reach as Right['reach'], step_up: more.includes('step-up') }];
      }),
    })),
    actions: actions.map((row) => ({
      action: row.action ?? '',
      meaning: row.meaning ?? '',
      resource: row.resource ?? '',
      personal_data: row.personal_data === 'yes',
      privileged: row.privileged === 'yes',
      purpose_required: row.purpose_required === 'yes',
    })),
  };
}

function realmOf(name: FunctionSlug): RealmSlug {
  if (['dealer', 'fleet-customer'].includes(name)) return 'partner';
  return ['owner', 'driver'].includes(name) ? 'customer' : 'staff';
}

export function purposesOf(functions: string[]): PurposeSlug[] {
  const named = purposes.filter((row) => functions.includes(row.function ?? ''));
  const all = Object.keys(purposes[0] ?? {}).filter((key) => key !== 'function') as PurposeSlug[];
  return all.filter((purpose) => named.some((row) => row[purpose] === 'yes'));
}
