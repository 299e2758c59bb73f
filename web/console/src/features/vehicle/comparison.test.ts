import { expect, it } from 'vitest';
import { comparison } from './comparison';

const state = (reported: number, error: string | null = null) => ({
  desired: [{ kind: 'campaigns', version: 7, created_at: '2026-11-23T12:00:00Z' }],
  reported: [{ kind: 'campaigns', version: reported, reported_at: '2026-11-23T12:00:01Z', error }],
  not_available: [],
  queue: null,
});

it('compares what is desired with what a car reports', () => {
  expect(comparison(state(7))[0]?.status).toBe('applied');
  expect(comparison(state(6))[0]?.status).toBe('pending');
  expect(comparison(state(7, 'signature does not verify'))[0]?.status).toBe('failed');
  expect(comparison({ ...state(7), reported: [] })[0]?.status).toBe('pending');
});
