import { describe, expect, it } from 'vitest';
import { area, path } from './sparkline';

describe('sparkline', () => {
  it('draws nothing from less than two values', () => {
    expect(path([], 10, 100, 20)).toBe('');
    expect(area([1], 10, 100, 20)).toBe('');
  });

  it('ends at the right edge and leaves room for values to come', () => {
    const line = path([1, 2, 3], 5, 100, 20);
    expect(line.startsWith('M50.0 ')).toBe(true);
    expect(line.split('L').at(-1)?.startsWith('100.0 ')).toBe(true);
  });

  it('is closed at the bottom as an area', () => {
    expect(area([1, 2], 2, 100, 20).endsWith('L100 20L0.0 20Z')).toBe(true);
  });
});
