import type { Position } from '@marque/api';
import { describe, expect, it } from 'vitest';
import { boundsOf, mercatorX, mercatorY } from './mercator';
import { parse, passes } from './paint';

describe('mercator', () => {
  it('puts the origin in the middle and the north at the top', () => {
    expect(mercatorX(0)).toBe(0.5);
    expect(mercatorY(0)).toBeCloseTo(0.5, 12);
    expect(mercatorY(85.051129)).toBeCloseTo(0, 6);
    expect(mercatorX(180)).toBe(1);
  });
});

describe('boundsOf', () => {
  it('leaves out a few cars that are far from all others', () => {
    const near = Array.from({ length: 500 }, (_, i) => ({
      latitude: 45 + i / 1000,
      longitude: 7 + i / 1000,
    }));
    const bounds = boundsOf([...near, { latitude: -33, longitude: 151 }]);
    expect(bounds?.east).toBeLessThan(8);
    expect(bounds?.south).toBeGreaterThan(44);
  });

  it('knows nothing without cars', () => expect(boundsOf([])).toBeUndefined());
});

describe('filter', () => {
  const car = { brand: 'jeep', state: 'moving' } as Position;

  it('lets everything through when nothing is chosen', () => {
    expect(passes(car, { brands: new Set(), states: new Set() })).toBe(true);
  });

  it('asks for both brand and state', () => {
    expect(passes(car, { brands: new Set(['jeep']), states: new Set(['parked']) })).toBe(false);
    expect(passes(car, { brands: new Set(['jeep', 'ram']), states: new Set(['moving']) })).toBe(true);
  });
});

it('colours come as shares of one', () => expect(parse('rgb(255, 0, 51)')).toEqual([1, 0, 0.2]));
