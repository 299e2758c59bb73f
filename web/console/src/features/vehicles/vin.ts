import type { VehiclePage } from '@marque/api';
import { api, body } from '../../data/api';
import { standingPurpose } from '../../data/purpose.svelte';

/** 17 characters without I, O and Q (ISO 3779). Such a text never goes into an address. */
export function isVin(text: string): boolean {
  return /^[A-HJ-NPR-Z0-9]{17}$/i.test(text.trim());
}

/**
 * What may be asked for in an address. Of a VIN that is being typed, the first eight characters name the model,
 * and the rest the car: from the ninth on it is held back. An id gets through when it is longer than any VIN.
 */
export function mayStandInAddress(text: string): boolean {
  const dense = text.replace(/[\s-]/g, '');
  return !(/^[A-HJ-NPR-Z0-9]{9,17}$/i.test(dense) && /\d/.test(dense));
}

/** Looked up by POST, so that the VIN stands in no URL, history or log. */
export function findByVin(vin: string, signal?: AbortSignal): Promise<VehiclePage> {
  return body(
    api.POST('/v1/vehicles/search', {
      params: { query: { purpose: standingPurpose() } },
      body: { vin: vin.trim().toUpperCase() },
      signal,
    }),
  );
}
