import { body, createApi, type IdentityProvider } from '@marque/api';
import { router } from '../app/router.svelte';

/** Where people may sign in besides here. Its own client, since whoever is signed out asks, too. */
class Providers {
  items = $state.raw<IdentityProvider[]>([]);
  #asked = false;

  /** Asks once. Without an answer there is the form, which needs none. */
  load(): void {
    if (this.#asked) return;
    this.#asked = true;
    body(createApi().GET('/v1/oidc'))
      .then(({ items }) => {
        this.items = items;
      })
      .catch(() => {
        this.#asked = false;
      });
  }

  /** What people call it; the id when the configuration does not know it any more. */
  name(id: string): string {
    return this.items.find((provider) => provider.id === id)?.name ?? id;
  }
}

export const providers = new Providers();

/** What the platform takes as `return_to`. */
const RETURN_LENGTH_MAX = 256;

/** Where a sign-in at a provider begins. It comes back to the page that is open now, without filters that are too many. */
export function loginHref(provider: string, options: { stepUp?: boolean } = {}): string {
  const wanted = returnPath();
  const shorter = [wanted, wanted.split(/[?#]/, 1)[0] ?? '/'].find(
    (path) => path.length <= RETURN_LENGTH_MAX,
  );
  const query = new URLSearchParams({ return_to: shorter ?? '/' });
  if (options.stepUp) query.set('step_up', 'true');
  return `/v1/oidc/${encodeURIComponent(provider)}/login?${query}`;
}

/** The page that somebody wanted who is to sign in: one of ours, whatever the address says. */
export function returnPath(): string {
  if (router.route.page !== 'sign-in') return router.path + (router.query.size ? `?${router.query}` : '');
  const wanted = router.query.get('return_to') ?? '/';
  if (!wanted.startsWith('/') || !URL.canParse(wanted, location.origin)) return '/';
  const { origin, pathname, search, hash } = new URL(wanted, location.origin);
  // Two slashes would be another host.
  return origin === location.origin && !pathname.startsWith('//') ? pathname + search + hash : '/';
}
