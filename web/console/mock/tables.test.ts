import { expect, it } from 'vitest';
import { ACTIONS } from '../src/data/actions.ts';
import { actionOf, cellOf, purposesOf, roles } from './tables.ts';

it('routes have their actions', () => {
  expect(actionOf('GET', '/v1/people')).toBe('person.list');
  expect(actionOf('DELETE', '/v1/people/ab/roles/cd')).toBe('role.revoke');
  expect(actionOf('GET', '/v1/facets/x')).toBeUndefined();
});

it('cells and purposes are read by function', () => {
  expect(cellOf('role.assign', 'administrator')).toBe('tenant+step-up');
  expect(cellOf('role.assign', 'security')).toBe('no');
  expect(purposesOf(['support'])).toEqual(['operation', 'connected-services', 'maintenance']);
});

it('every action that the console asks about is one of the table', () => {
  const known = new Set(roles().functions.flatMap(({ rights }) => rights.map(({ action }) => action)));
  expect(ACTIONS.filter((action) => !known.has(action))).toEqual([]);
});
