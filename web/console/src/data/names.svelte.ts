import type { PersonAccount } from '@marque/api';
import { SvelteMap } from 'svelte/reactivity';
import { session } from '../app/session.svelte';
import { api, body } from './api';
import { rights } from './rights.svelte';

/** A list of people leaves one entry in the audit a page: these are enough for a console, and few. */
const PAGES_MAX = 5;
const LIMIT = 200;

/** What people sign in as, by id; of the own brands, and only for those who may list people. */
class NameStore {
  readonly #names = new SvelteMap<string, string>();
  #loading: Promise<void> | undefined;

  /** Reads them once; those that are not known then are new. */
  load(): Promise<void> {
    this.#loading ??= this.#read().catch(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  of(id: string | null | undefined): string | undefined {
    const { account } = session;
    if (account && account.person_id === id) return account.username;
    return id ? this.#names.get(id) : undefined;
  }

  /** The id of somebody who signs in as this. */
  idOf(username: string): string | undefined {
    const { account } = session;
    if (account?.username === username) return account.person_id;
    return [...this.#names].find(([, known]) => known === username)?.[0];
  }

  async #read(): Promise<void> {
    if (!rights.may('person.list')) return;
    let cursor: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const query = { limit: LIMIT, cursor };
      const { items, next_cursor } = await body(api.GET('/v1/people', { params: { query } }));
      this.#take(items);
      if (!next_cursor) return;
      cursor = next_cursor;
    }
  }

  #take(items: PersonAccount[]): void {
    for (const { person_id, username } of items) this.#names.set(person_id, username);
  }
}

export const names = new NameStore();
