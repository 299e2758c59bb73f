import { expect, it } from 'vitest';
import { actionName, actorName, resourceName } from './words';

it.each([
  ['vehicle.read', 'vehicle', 'ab12', 'ab12'],
  ['vehicle.read', 'vehicle', null, 'vehicle, forgotten'],
  ['vehicle.list', 'tenant', 'count:50', '50 cars'],
  ['vehicle.list', 'tenant', 'count:1', '1 car'],
  ['person.list', 'tenant', 'count:1', '1 person'],
  ['audit.search', 'tenant', 'count:50', '50 entries'],
  ['fleet.follow', 'tenant', 'unnamed', ''],
])('of %s a %s of %s is called %s', (action, kind, value, name) => {
  expect(resourceName({ action, resource: { kind, id: { value, salt: null, commitment: null } } })).toBe(
    name,
  );
});

it('an action that is not known keeps its name', () => {
  expect(actionName('vehicle.list')).toBe('Cars: list');
  expect(actionName('vehicle.fly')).toBe('vehicle.fly');
});

it.each([
  ['person', 'f'.repeat(32), 'ffffffff…ffff'],
  ['person', 'ab12', 'anna.keller'],
  ['service', 'ab12', 'ab12'],
  ['person', null, 'person, forgotten'],
])('a %s of %s did it as %s', (kind, value, name) => {
  const actor = { kind, id: { value, salt: null, commitment: null } };
  expect(actorName({ actor }, (id) => (id === 'ab12' ? 'anna.keller' : undefined))).toBe(name);
});
