import type { PurposeSlug } from '@marque/api';
import { session } from '../app/session.svelte';

/** What personal data is looked at for. The platform checks it against each car's grants. */
export const PURPOSES = [
  { value: 'fleet-management', label: 'Fleet management' },
  { value: 'operation', label: 'Operation' },
  { value: 'connected-services', label: 'Connected services' },
  { value: 'maintenance', label: 'Maintenance' },
  { value: 'product-improvement', label: 'Product improvement' },
  { value: 'safety', label: 'Safety' },
] as const satisfies { value: PurposeSlug; label: string }[];

export type Purpose = (typeof PURPOSES)[number]['value'];

/** The purposes that one of the functions may name. */
export function offeredPurposes() {
  return PURPOSES.filter(({ value }) => session.purposes.includes(value));
}

/** What lists of cars and the fleet's figures are read for: the first that is offered. */
export function standingPurpose(): Purpose {
  return offeredPurposes()[0]?.value ?? PURPOSES[0].value;
}

class PurposeStore {
  #chosen = $state<Purpose>();

  get value(): Purpose {
    const chosen = this.#chosen;
    return chosen && session.purposes.includes(chosen) ? chosen : standingPurpose();
  }

  set value(chosen: Purpose) {
    this.#chosen = chosen;
  }
}

export const purpose = new PurposeStore();

export function purposeLabel(value: string): string {
  return PURPOSES.find((purpose) => purpose.value === value)?.label ?? value;
}
