/** What the mock's routes have in common: a request on its way in, a refusal on its way out. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface Call {
  query: URLSearchParams;
  body: unknown;
  now: number;
  request: IncomingMessage;
  response: ServerResponse;
  part: (index: number) => string;
}

export type Route = [method: string, pattern: RegExp, run: (call: Call) => unknown];

/** The platform's kinds of problems: what each has as its status and its title. */
const PROBLEMS = {
  'bad-request': [400, 'The request is not well formed'],
  unauthorized: [401, 'Sign in first'],
  'sign-in-refused': [401, 'The sign-in was refused'],
  'second-factor-required': [401, 'The account has a second factor'],
  'step-up-required': [403, 'Prove again who you are'],
  forbidden: [403, 'Not allowed'],
  'not-found': [404, 'Not found'],
  conflict: [409, 'The request conflicts with what is there'],
  unprocessable: [422, 'The request says something impossible'],
  internal: [500, 'The platform failed'],
} as const;

export class Refusal extends Error {
  constructor(
    readonly kind: keyof typeof PROBLEMS,
    readonly detail: string,
    readonly errors?: { place: string; detail: string }[],
  ) {
    super(detail);
  }

  get document() {
    const [status, title] = PROBLEMS[this.kind];
    const { detail, errors } = this;
    const instance = `urn:marque:request:${randomBytes(8).toString('hex')}`;
    return { type: `urn:marque:problem:${this.kind}`, title, status, detail, instance, errors };
  }
}

/** Something of the body is wrong at `place`. */
export function wrong(place: string, detail: string): Refusal {
  return new Refusal('unprocessable', `${place}: ${detail}`, [{ place, detail }]);
}

export function page<T>(items: T[], query: URLSearchParams) {
  const limit = Math.min(200, Number(query.get('limit') ?? 50));
  const start = Number(query.get('cursor') ?? 0);
  return {
    items: items.slice(start, start + limit),
    next_cursor: start + limit < items.length ? String(start + limit) : null,
  };
}

export function json(response: ServerResponse, status: number, body: unknown, type = 'application/json') {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(JSON.stringify(body));
}

export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

export function newId(): string {
  return randomBytes(16).toString('hex');
}
