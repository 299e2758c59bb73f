import type { Facets } from '@marque/api';
import { titleCase } from '../format';
import { api, body } from './api';

/** What vehicles can be told apart by; read once a session. */
class FacetStore {
  data = $state.raw<Facets>();
  #names = $derived(new Map<string, string>(this.data?.brands.map((brand) => [brand.slug, brand.name])));

  async load(): Promise<void> {
    this.data = await body(api.GET('/v1/facets'));
  }

  brandName(slug: string): string {
    return this.#names.get(slug) ?? titleCase(slug);
  }
}

export const facets = new FacetStore();

export function brandColor(slug: string): string {
  return `var(--brand-${slug}, var(--text-3))`;
}
