import { expect, it } from 'vitest';
import { groupsOf, reachOf } from './roles';

it('a cell is a word, and says whether it wants a proof', () => {
  expect(reachOf('tenant+step-up')).toMatchObject({ word: 'Brand', proof: true });
  expect(reachOf('linked')).toMatchObject({ word: 'Linked', proof: false });
  expect(reachOf('no')).toBeUndefined();
  expect(reachOf(undefined)).toBeUndefined();
  expect(reachOf('fleet')).toMatchObject({ word: 'fleet' });
});

it('actions of one thing stand together, and only those that are looked for', () => {
  const row = (action: string, security: string) => ({
    action,
    meaning: `To ${action}.`,
    cells: { security },
  });
  const actions = [row('person.list', 'tenant'), row('role.assign', 'no'), row('person.create', 'no')];
  expect(groupsOf(actions, '', undefined).map(({ name, actions }) => [name, actions.length])).toEqual([
    ['person', 2],
    ['role', 1],
  ]);
  expect(groupsOf(actions, 'CREATE', undefined)).toHaveLength(1);
  expect(
    groupsOf(actions, '', 'security').flatMap(({ actions }) => actions.map(({ action }) => action)),
  ).toEqual(['person.list']);
});
