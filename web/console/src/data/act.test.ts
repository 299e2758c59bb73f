import { Problem } from '@marque/api';
import { expect, it } from 'vitest';
import { Act } from './act.svelte';

it('says what was done, and what was not', async () => {
  const act = new Act();
  const going = act.run('save', async () => 'Saved.');
  expect(act.busy).toBe('save');
  expect([await going, act.busy, act.done]).toEqual([true, undefined, 'Saved.']);
  const refused = await act.run('save', () => Promise.reject(new Problem(409, { title: 'Taken' })));
  expect([refused, act.done, act.problem?.title]).toEqual([false, '', 'Taken']);
});
