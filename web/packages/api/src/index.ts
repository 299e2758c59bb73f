/** The typed client of `/v1`. Its types come from `openapi.json`; nothing here is written twice. */
import createClient, { type Client } from 'openapi-fetch';
import { Problem } from './problem';
import { type Prove, type Send, withProof } from './proof';
import type { paths } from './schema';

export { Problem, type ProblemDocument } from './problem';
export type { Prove } from './proof';
export type { paths } from './schema';
export * from './types';

export interface ApiOptions {
  /** Called once for every answer that says the session is gone. */
  onSignedOut?: () => void;
  /** Asks whoever is signed in to prove who they are; what was refused without it is then sent again. */
  prove?: Prove;
  fetch?: Send;
  /** The page's own origin when absent. */
  baseUrl?: string;
}

export type Api = Client<paths>;

/** Answers of 401 to what somebody typed; the session is as it was. */
const MISTYPED = ['sign-in-refused', 'second-factor-required'];

/** A client for the origin that served the page. The session travels in its cookie. */
export function createApi(options: ApiOptions = {}): Api {
  const send = options.fetch ?? ((request) => globalThis.fetch(request));
  const client: Api = createClient({
    baseUrl: options.baseUrl ?? globalThis.location?.origin ?? '',
    credentials: 'same-origin',
    fetch: options.prove ? withProof(send, options.prove) : send,
    headers: { accept: 'application/json' },
  });
  client.use({
    async onResponse({ response, schemaPath }) {
      if (response.status !== 401 || schemaPath === '/v1/session') return;
      const { kind } = await Problem.read(response.clone());
      if (!MISTYPED.includes(kind)) options.onSignedOut?.();
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
