import { expect, it } from 'vitest';
import { isState, next } from './words';

const NOW = Date.parse('2026-11-23T08:00:00Z');

it.each([
  ['requested', '2026-12-23T08:00:00Z', 'lapses in 30 days'],
  ['approved', '2026-11-24T07:00:00Z', 'takes effect in 1 day'],
  ['approved', '2026-11-23T07:59:00Z', 'takes effect now'],
  ['objected', '2026-12-23T08:00:00Z', ''],
  ['lapsed', '2026-11-01T08:00:00Z', ''],
  ['released', '2026-11-01T08:00:00Z', ''],
] as const)('%s until %s', (state, due_at, text) => expect(next({ state, due_at }, NOW)).toBe(text));

it('an address may name a state that there is', () => {
  expect(['approved', 'gone', null].map(isState)).toEqual([true, false, false]);
});
