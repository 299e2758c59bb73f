import { expect, it } from 'vitest';
import { untilEnd } from './words';

it.each([
  ['2026-11-23T12:00:00Z', 'over'],
  ['2026-11-23T12:20:00Z', 'in 1 h'],
  ['2026-11-23T20:00:00Z', 'in 8 h'],
  ['2026-11-25T12:00:00Z', 'in 2 d'],
])('%s ends %s', (at, words) => expect(untilEnd(at, Date.parse('2026-11-23T12:00:00Z'))).toBe(words));
