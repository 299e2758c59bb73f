import type { VehicleTwinState } from '@marque/api';

export interface Compared {
  kind: string;
  desired: VehicleTwinState['desired'][number] | undefined;
  reported: VehicleTwinState['reported'][number] | undefined;
  status: 'applied' | 'pending' | 'failed';
}

/** What is wanted of a car beside what it says it has, kind by kind. */
export function comparison(state: VehicleTwinState | undefined): Compared[] {
  if (!state) return [];
  const kinds = new Set([...state.desired, ...state.reported].map((entry) => entry.kind));
  return [...kinds].sort().map((kind) => {
    const desired = state.desired.find((entry) => entry.kind === kind);
    const reported = state.reported.find((entry) => entry.kind === kind);
    return { kind, desired, reported, status: statusOf(desired?.version ?? 0, reported) };
  });
}

function statusOf(desired: number, reported: Compared['reported']): Compared['status'] {
  if (reported?.error) return 'failed';
  return reported && reported.version >= desired ? 'applied' : 'pending';
}
