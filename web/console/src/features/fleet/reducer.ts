import type { FleetSummary, Position } from '@marque/api';

/** What the fleet's stream has told so far. */
export interface FleetState {
  summary: FleetSummary | undefined;
  /** The last minutes of the rates, oldest first. */
  samples: number[];
  acks: number[];
  positions: Map<string, Position>;
}

/** Five minutes at one summary a second. */
export const RATES_LEN_MAX = 300;

export type FleetEvent =
  | { type: 'summary'; summary: FleetSummary }
  | { type: 'positions'; items: Position[]; removed: string[]; complete?: boolean }
  | { type: 'connectivity'; changes: { vehicle_id: string; connected: boolean }[] };

export function emptyFleet(): FleetState {
  return { summary: undefined, samples: [], acks: [], positions: new Map() };
}

/** An event of `/v1/fleet/events`; undefined for kinds that a newer platform may add. */
export function readFleetEvent(type: string, data: string): FleetEvent | undefined {
  const value = JSON.parse(data);
  if (type === 'summary') return { type, summary: value };
  if (type === 'positions') return { type, items: value.items ?? [], removed: [], complete: value.complete };
  if (type === 'connectivity') return { type, changes: value.items ?? [] };
  return undefined;
}

/** Changes the state in place; positions are too many to copy each second. */
export function applyFleetEvent(state: FleetState, event: FleetEvent): void {
  switch (event.type) {
    case 'summary':
      state.summary = event.summary;
      state.samples = withRate(state.samples, event.summary.samples_per_s);
      state.acks = withRate(state.acks, event.summary.acks_per_s);
      break;
    case 'positions':
      for (const position of event.items) {
        const known = state.positions.get(position.vehicle_id);
        // Events and the first read may cross: the later time wins.
        if (!known || known.at <= position.at) state.positions.set(position.vehicle_id, position);
      }
      for (const id of event.removed) state.positions.delete(id);
      if (event.complete) {
        // A grant was withdrawn, or events were missed: what is not listed does not hold any more.
        const listed = new Set(event.items.map((position) => position.vehicle_id));
        for (const id of [...state.positions.keys()]) if (!listed.has(id)) state.positions.delete(id);
      }
      break;
    case 'connectivity':
      for (const change of event.changes) {
        const known = state.positions.get(change.vehicle_id);
        if (known && !change.connected) {
          state.positions.set(change.vehicle_id, { ...known, state: 'offline', speed: 0 });
        }
      }
      break;
  }
}

/** A rate that whoever looks is not told is none. */
function withRate(rates: number[], rate: number | null): number[] {
  return rate === null ? rates : [...rates, rate].slice(-RATES_LEN_MAX);
}
