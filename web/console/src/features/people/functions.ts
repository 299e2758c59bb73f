import type { FunctionSlug, RealmSlug } from '@marque/api';
import { titleCase } from '../../format';

/** What each function is for, in a few words. */
const FUNCTIONS: Record<FunctionSlug, string> = {
  operations: 'Runs the fleet',
  updates: 'Rolls out software',
  security: 'Guards identities',
  privacy: 'Answers for people’s data',
  support: 'Helps whoever calls',
  administrator: 'Gives people their accounts and functions',
  dealer: 'Repairs cars that it was given access to',
  'fleet-customer': 'Looks after the cars in its fleet',
  owner: 'Decides about the own car',
  driver: 'Uses a car by invitation',
};

const PARTNER: FunctionSlug[] = ['dealer', 'fleet-customer'];
const STAFF: FunctionSlug[] = ['operations', 'updates', 'security', 'privacy', 'support', 'administrator'];

/** Which functions an account of a realm may be given here: customers get theirs by their cars. */
export function functionsOfRealm(realm: RealmSlug): FunctionSlug[] {
  if (realm === 'staff') return STAFF;
  return realm === 'partner' ? PARTNER : [];
}

/** Those that staff and partners may have. */
export const FUNCTIONS_GIVEN: FunctionSlug[] = [...STAFF, ...PARTNER];

/** `fleet-customer` as `Fleet customer`. */
export function functionName(slug: string): string {
  const [first = '', ...rest] = slug.split('-');
  return [titleCase(first), ...rest].join(' ');
}

/** As a filter's choices. */
export function functionOptions(names: readonly FunctionSlug[]) {
  return names.map((value) => ({ value, label: functionName(value) }));
}

export function functionMeaning(slug: string): string {
  return FUNCTIONS[slug as FunctionSlug] ?? '';
}
