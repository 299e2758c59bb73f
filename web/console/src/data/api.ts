import { createApi } from '@marque/api';
import { proof } from '../app/proof.svelte';
import { session } from '../app/session.svelte';

export { body, Problem } from '@marque/api';

/** The one client of the console. A session that ended anywhere ends everywhere; a proof is asked for in one place. */
export const api = createApi({ onSignedOut: () => session.expire(), prove: proof.ask });
