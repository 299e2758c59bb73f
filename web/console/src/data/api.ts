import { createApi } from '@marque/api';
import { session } from '../app/session.svelte';

export { body, Problem } from '@marque/api';

/** The one client of the console. A session that ended anywhere ends everywhere. */
export const api = createApi({ onSignedOut: () => session.expire() });
