/** The typed client of `/v1`. Its types come from `openapi.json`; nothing here is written twice. */
import createClient, { type Client } from 'openapi-fetch';
import { Problem } from './problem';
import type { paths } from './schema';

export { Problem, type ProblemDocument } from './problem';
export type { paths } from './schema';
export * from './types';

export interface ApiOptions {
  /** Called once for every answer that says the session is gone. */
  onSignedOut?: () => void;
  fetch?: (request: Request) => Promise<Response>;
}

export type Api = Client<paths>;

/** A client for the origin that served the page. The session travels in its cookie. */
export function createApi(options: ApiOptions = {}): Api {
  const client = createClient<paths>({
    baseUrl: globalThis.location?.origin ?? '',
    credentials: 'same-origin',
    fetch: options.fetch,
    headers: { accept: 'application/json' },
  });
  client.use({
    onResponse({ response, schemaPath }) {
      if (response.status === 401 && schemaPath !== '/v1/session') options.onSignedOut?.();
    },
  });
  return client;
}

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a successful answer; anything else is thrown as a `Problem`. */
export async function body<T>(request: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>;
  try {
    outcome = await request;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw Problem.from(cause);
  }
  if (!outcome.response.ok) throw Problem.of(outcome.response.status, outcome.error);
  return outcome.data as T;
}
