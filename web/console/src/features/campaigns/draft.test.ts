import { describe, expect, it } from 'vitest';
import { describeGroup } from './describe';
import { missing, newDraft, toDocument } from './draft';

describe('a campaign that is being written', () => {
  it('says what it lacks, in the order of the form', () => {
    expect(missing(newDraft())).toEqual([
      'Give the campaign a name.',
      'Choose at least one brand.',
      'Pick at least one signal.',
    ]);
  });

  it('refuses times of zero', () => {
    const draft = newDraft();
    Object.assign(draft, { name: 'x', brands: ['opel'] });
    const [group] = draft.groups;
    if (group) Object.assign(group, { signals: ['Vehicle.Speed'], everyS: 0 });
    expect(missing(draft)).toEqual(['Times must be greater than zero.']);
  });

  it('becomes a document in milliseconds, with one way to collect', () => {
    const draft = newDraft();
    Object.assign(draft, { name: ' Winter ', brands: ['opel', 'fiat'] });
    const [group] = draft.groups;
    if (group)
      Object.assign(group, { signals: ['Vehicle.Speed'], how: 'change', minIntervalS: 0.5, minDelta: 2 });
    expect(toDocument(draft)).toEqual({
      name: 'Winter',
      purpose: 'fleet-management',
      brands: ['opel', 'fiat'],
      groups: [
        {
          signals: ['Vehicle.Speed'],
          lane: 'bulk',
          flush_every_ms: 10_000,
          on_change: { min_interval_ms: 500, min_delta: 2 },
        },
      ],
    });
  });
});

it('a group is described in a sentence', () => {
  const common = { signals: [], lane: 'bulk', flush_every_ms: 10_000 } as const;
  expect(describeGroup({ ...common, signals: [], every_ms: 1000 })).toBe('Each 1 s, sent each 10 s');
  expect(describeGroup({ ...common, signals: [], on_change: { min_interval_ms: 500, min_delta: 0.5 } })).toBe(
    'On change by 0.5 or more, at most each 500 ms, sent each 10 s',
  );
});
