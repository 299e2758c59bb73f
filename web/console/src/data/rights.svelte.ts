import type { BrandSlug, Roles } from '@marque/api';
import { session } from '../app/session.svelte';
import type { Action } from './actions';
import { api, body } from './api';
import { Query } from './query.svelte';

/** What each function has, by its name. */
export type Rights = ReadonlyMap<string, ReadonlySet<string>>;

/** What whoever is signed in may do, so that nothing is offered that the platform would refuse. The platform decides. */
class RightsStore {
  readonly table = new Query<Roles>();
  readonly #rights = $derived<Rights>(rightsOf(this.table.data));

  /** Known, or not for whoever it is: then nothing is offered but the own account. */
  get loaded(): boolean {
    return this.table.data !== undefined || this.table.problem?.status === 403;
  }

  load(): () => void {
    this.table.problem = undefined;
    return this.table.run((signal) => body(api.GET('/v1/roles', { signal })), { keep: true });
  }

  /** Whether one of the functions has the action, in the brand if one is given. */
  may(action: Action, brand?: string): boolean {
    return this.#holding(action).some(
      ({ brands }) => brand === undefined || brands.some((held) => held === brand),
    );
  }

  /** The brands in which an action is had. */
  brands(action: Action): BrandSlug[] {
    return [...new Set(this.#holding(action).flatMap(({ brands }) => brands))];
  }

  #holding(action: Action) {
    return session.functions.filter((held) => this.#rights.get(held.function)?.has(action));
  }
}

export function rightsOf(roles: Roles | undefined): Rights {
  return new Map(
    roles?.functions.map((one) => [one.function, new Set(one.rights.map(({ action }) => action))]),
  );
}

export const rights = new RightsStore();
