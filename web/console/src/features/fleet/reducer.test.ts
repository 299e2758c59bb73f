import type { FleetSummary, Position } from '@marque/api';
import { describe, expect, it } from 'vitest';
import { applyFleetEvent, emptyFleet, RATES_LEN_MAX, readFleetEvent } from './reducer';

const position = (over: Partial<Position> = {}): Position => ({
  vehicle_id: 'a',
  brand: 'fiat',
  model: '500',
  latitude: 45,
  longitude: 7,
  heading: 90,
  speed: 50,
  state: 'moving',
  at: '2026-11-23T12:00:00.000000Z',
  ...over,
});

const summary = (samples_per_s: number | null): FleetSummary => ({
  vehicles: 1,
  connected: 1,
  by_brand: [],
  by_region: [],
  by_architecture: [],
  by_state: { moving: 1, parked: 0, charging: 0, offline: 0, unknown: 0 },
  samples_per_s,
  acks_per_s: 1,
  at: '2026-11-23T12:00:00Z',
});

describe('applyFleetEvent', () => {
  it('keeps the last five minutes of the rates', () => {
    const state = emptyFleet();
    for (let i = 0; i < RATES_LEN_MAX + 5; i++) {
      applyFleetEvent(state, { type: 'summary', summary: summary(i) });
    }
    expect(state.samples).toHaveLength(RATES_LEN_MAX);
    expect(state.samples.at(-1)).toBe(RATES_LEN_MAX + 4);
    expect(state.summary?.samples_per_s).toBe(RATES_LEN_MAX + 4);
  });

  it('keeps no rate for whoever is not told one', () => {
    const state = emptyFleet();
    applyFleetEvent(state, { type: 'summary', summary: summary(null) });
    expect([state.samples, state.acks]).toEqual([[], [1]]);
  });

  it('ignores a position that is older than the one it has', () => {
    const state = emptyFleet();
    applyFleetEvent(state, { type: 'positions', items: [position()], removed: [] });
    const late = position({ latitude: 1, at: '2026-11-23T11:59:59.000000Z' });
    applyFleetEvent(state, { type: 'positions', items: [late], removed: [] });
    expect(state.positions.get('a')?.latitude).toBe(45);
  });

  it('forgets cars that a full read no longer names', () => {
    const state = emptyFleet();
    applyFleetEvent(state, { type: 'positions', items: [position()], removed: [] });
    applyFleetEvent(state, { type: 'positions', items: [], removed: ['a'] });
    expect(state.positions.size).toBe(0);
  });

  it('shows a car that lost its connection as offline, where it was', () => {
    const state = emptyFleet();
    applyFleetEvent(state, { type: 'positions', items: [position()], removed: [] });
    applyFleetEvent(state, { type: 'connectivity', changes: [{ vehicle_id: 'a', connected: false }] });
    expect(state.positions.get('a')).toMatchObject({ state: 'offline', speed: 0, latitude: 45 });
  });
});

describe('readFleetEvent', () => {
  it('passes over kinds that it does not know', () => {
    expect(readFleetEvent('weather', '{}')).toBeUndefined();
  });

  it('reads connectivity changes', () => {
    const data = JSON.stringify({ items: [{ vehicle_id: 'a', connected: true }] });
    expect(readFleetEvent('connectivity', data)).toEqual({
      type: 'connectivity',
      changes: [{ vehicle_id: 'a', connected: true }],
    });
  });
});
