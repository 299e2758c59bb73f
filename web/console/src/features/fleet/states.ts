import type { VehicleState } from '@marque/api';

export const STATES: { value: VehicleState; label: string; color: string }[] = [
  { value: 'moving', label: 'Moving', color: 'var(--moving)' },
  { value: 'charging', label: 'Charging', color: 'var(--charging)' },
  { value: 'parked', label: 'Parked', color: 'var(--parked)' },
  { value: 'offline', label: 'Offline', color: 'var(--offline)' },
  { value: 'unknown', label: 'Unknown', color: 'var(--text-3)' },
];

export function stateLabel(state: string): string {
  return STATES.find((known) => known.value === state)?.label ?? state;
}
