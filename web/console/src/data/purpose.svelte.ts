import type { PurposeSlug } from '@marque/api';

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

class PurposeStore {
  value = $state<Purpose>('fleet-management');
}

export const purpose = new PurposeStore();

export function purposeLabel(value: string): string {
  return PURPOSES.find((purpose) => purpose.value === value)?.label ?? value;
}
