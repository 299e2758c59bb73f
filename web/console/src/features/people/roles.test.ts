import type { ActionMeaning, Right, Roles } from '@marque/api';
import { expect, it } from 'vitest';
import { groupsOf, reachOf, rightsByFunction } from './roles';

const right = (action: string, reach: Right['reach'] = 'tenant', step_up = false): Right => ({
  action,
  reach,
  step_up,
});

it('a right is a word, and says whether it wants a proof', () => {
  expect(reachOf(right('role.assign', 'tenant', true))).toMatchObject({ word: 'Brand', proof: true });
  expect(reachOf(right('vehicle.read', 'linked'))).toMatchObject({ word: 'Linked', proof: false });
  expect(reachOf(undefined)).toBeUndefined();
});

it('actions of one thing stand together, and only those that are looked for and had', () => {
  const action = (action: string): ActionMeaning => ({
    action,
    meaning: `To ${action}.`,
    resource: 'person',
    personal_data: false,
    privileged: false,
    purpose_required: false,
  });
  const functions: Roles['functions'] = [
    { function: 'security', realm: 'staff', purposes: [], rights: [right('person.list')] },
    {
      function: 'administrator',
      realm: 'staff',
      purposes: [],
      rights: [right('person.list'), right('role.assign'), right('person.create')],
    },
  ];
  const actions = ['person.list', 'link.connect', 'role.assign', 'person.create'].map(action);
  const all = rightsByFunction(functions);
  expect(groupsOf(actions, all, '').map(({ name, actions }) => [name, actions.length])).toEqual([
    ['person', 2],
    ['role', 1],
  ]);
  expect(groupsOf(actions, all, 'CREATE')).toHaveLength(1);
  const security = rightsByFunction(functions.slice(0, 1));
  expect(
    groupsOf(actions, security, '').flatMap(({ actions }) => actions.map(({ action }) => action)),
  ).toEqual(['person.list']);
});
