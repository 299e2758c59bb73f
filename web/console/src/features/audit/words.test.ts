import { expect, it } from 'vitest';
import { actionName, dayStart, resourceName } from './words';

it.each([
  ['vehicle', 'ab12', 'ab12'],
  ['vehicle', null, 'vehicle, forgotten'],
  ['tenant', 'count:50', '50 cars'],
  ['tenant', 'count:1', '1 car'],
  ['tenant', 'unnamed', ''],
])('a %s of %s is called %s', (kind, value, name) => {
  expect(resourceName({ resource: { kind, id: { value, salt: null, commitment: null } } })).toBe(name);
});

it('an action that is not known keeps its name', () => {
  expect(actionName('vehicle.list')).toBe('Cars: list');
  expect(actionName('vehicle.fly')).toBe('vehicle.fly');
});

it('a day begins at midnight, and the next one a day later', () => {
  expect(dayStart('2026-11-23')).toBe('2026-11-23T00:00:00.000Z');
  expect(dayStart('2026-11-30', 1)).toBe('2026-12-01T00:00:00.000Z');
  expect(dayStart('soon')).toBeUndefined();
  expect(dayStart(null)).toBeUndefined();
});
