import { expect, it } from 'vitest';
import { intervalMs } from './history.ts';

it.each([
  ['PT10S', 10_000],
  ['10s', 10_000],
  ['PT0.5S', 500],
  ['2m', 120_000],
  [null, undefined],
  ['soon', undefined],
])('reads the interval %s', (text, ms) => expect(intervalMs(text)).toBe(ms));
