/** Accounts and sessions: who signs in, and what one does with the own account. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type {
  Account,
  BrandSlug,
  HeldFunction,
  OpenSession,
  PersonAccount,
  Role,
  Session,
} from '@marque/api';
import { type Call, newId, Refusal, type Route, timeOf, wrong } from './call.ts';
import { PROVIDER, seed } from './seed.ts';
import { actionOf, cellOf, purposesOf } from './tables.ts';
import { base32, stepOf } from './totp.ts';

const SESSION_MS = 12 * 3_600_000;
const PROVEN_MS = 600_000;

export interface Open {
  id: string;
  token: string;
  person: Stored;
  createdAt: number;
  expiresAt: number;
  provenAt: number;
  address: string;
}

/** A person as the mock keeps it. */
export interface Stored extends Omit<PersonAccount, 'second_factor' | 'password_set'> {
  /** None before a one-time link was used. */
  password: string | undefined;
  secret: string | undefined;
  /** The last step whose one-time password counted. */
  step: number;
  address_changed_at?: number;
}

export class Accounts {
  readonly people: Stored[];
  readonly sessions = new Map<string, Open>();
  #drawn = new Map<string, string>();

  constructor(password: string, now = Date.now()) {
    this.people = seed(password, now);
    for (const [index, person] of this.people.entries()) {
      if (index > 0 && person.enabled && index % 2)
        this.#open(person, now - 3_600_000 * index, `198.51.100.${index * 8}/29`);
    }
  }

  readonly routes: Route[] = [
    ['GET', /^\/v1\/oidc$/, () => ({ items: [{ id: PROVIDER, name: 'Group sign-in' }] })],
    ['GET', /^\/v1\/oidc\/[^/]+\/login$/, unreachable],
    ['POST', /^\/v1\/session$/, (call) => this.#signIn(call)],
    ['GET', /^\/v1\/session$/, ({ request, now }) => this.#session(this.open(request, now), now)],
    ['DELETE', /^\/v1\/session$/, ({ request, now }) => this.#end(this.open(request, now))],
    ['POST', /^\/v1\/session\/step-up$/, (call) => this.#prove(call)],
    ['GET', /^\/v1\/account$/, ({ request, now }) => account(this.open(request, now).person)],
    ['POST', /^\/v1\/account\/password$/, (call) => this.#changePassword(call)],
    ['POST', /^\/v1\/account\/totp$/, (call) => this.#draw(call)],
    ['POST', /^\/v1\/account\/totp\/confirmation$/, (call) => this.#confirm(call)],
    ['DELETE', /^\/v1\/account\/totp$/, (call) => this.#removeSecondFactor(call)],
    ['GET', /^\/v1\/account\/sessions$/, (call) => this.#own(call)],
    ['DELETE', /^\/v1\/account\/sessions\/([^/]+)$/, (call) => this.#endOwn(call)],
  ];

  /** Whose request it is; refused when it is nobody's. */
  open(request: IncomingMessage, now: number): Open {
    const open = this.sessions.get(cookie(request));
    if (!open || open.expiresAt <= now) throw new Refusal('unauthorized', 'sign in at POST /v1/session');
    return open;
  }

  /** A person's id: of the session that the request has, or has just begun. */
  whoAsked({ request, response }: Call): string {
    const begun = /marque_session=([^;]+)/.exec(String(response.getHeader('set-cookie') ?? ''))?.[1];
    return this.sessions.get(begun ?? cookie(request))?.person.person_id ?? 'nobody';
  }

  /** The brands in which one of the functions of whoever asks has an action. */
  brandsOf({ request, now }: Call, action: string): BrandSlug[] {
    const having = held(this.open(request, now).person, now).filter(
      (one) => cellOf(action, one.function) !== 'no',
    );
    return [...new Set(having.flatMap(({ brands }) => brands))];
  }

  /** As the platform's gate: the functions first, then the proof. What one does with the own account is everybody's. */
  check(call: Call, method: string, path: string): void {
    const open = this.open(call.request, call.now);
    const action = actionOf(method, path);
    if (!action) return;
    const cells = held(open.person, call.now).map((one) => cellOf(action, one.function));
    const own =
      ['session.', 'account.'].some((start) => action.startsWith(start)) &&
      path.includes('/people') === false;
    const allowed = own ? [cellOf(action, 'operations')] : cells.filter((cell) => cell !== 'no');
    if (allowed.length === 0) {
      const why = `none of your functions has \`${action}\`; GET /v1/roles says which has`;
      throw new Refusal('forbidden', why);
    }
    if (allowed.every((cell) => cell.endsWith('+step-up')) && call.now - open.provenAt >= PROVEN_MS) {
      const why = 'prove again who you are by POST /v1/session/step-up; it counts for ten minutes';
      throw new Refusal('step-up-required', why);
    }
  }

  /** The open sessions of somebody, the newest first. */
  sessionsOf(person: Stored, here?: Open): OpenSession[] {
    return [...this.sessions.values()]
      .filter((open) => open.person === person)
      .sort((a, b) => b.createdAt - a.createdAt)
      .map((open) => ({
        session_id: open.id,
        created_at: timeOf(open.createdAt),
        expires_at: timeOf(open.expiresAt),
        address: open.address,
        current: open === here,
      }));
  }

  endSessions(person: Stored, which: (open: Open) => boolean = () => true): number {
    const ended = [...this.sessions.values()].filter((open) => open.person === person && which(open));
    for (const open of ended) this.#end(open);
    return ended.length;
  }

  #open(person: Stored, now: number, address: string): Open {
    const id = newId();
    const token = newId();
    const open = { id, token, person, createdAt: now, expiresAt: now + SESSION_MS, provenAt: now, address };
    this.sessions.set(token, open);
    return open;
  }

  #end(open: Open): undefined {
    this.sessions.delete(open.token);
    return undefined;
  }

  #signIn({ body, now, response }: Call) {
    const given = body as Given & { username?: string };
    const person = this.people.find(({ username, enabled }) => enabled && username === given.username);
    const proven = this.#proven(person, given, now);
    const open = this.#open(proven, now, '192.0.2.0/24');
    response.setHeader('set-cookie', `marque_session=${open.token}; HttpOnly; SameSite=Strict; Path=/`);
    return { ...this.#session(open, now), token: open.token };
  }

  #proven(person: Stored | undefined, given: Given, now: number): Stored {
    const refused = new Refusal(
      'sign-in-refused',
      'the name, the password or the one-time password is wrong',
    );
    if (person?.password === undefined || given.password !== person.password) throw refused;
    if (person.secret) {
      if (!given.one_time_password)
        throw new Refusal(
          'second-factor-required',
          'the account has a second factor; give `one_time_password` too',
        );
      const step = stepOf(person.secret, given.one_time_password, person.step, now);
      if (step === undefined) throw refused;
      person.step = step;
    }
    return person;
  }

  #session(open: Open, now: number): Session {
    const functions = held(open.person, now);
    return {
      session_id: open.id,
      expires_at: timeOf(open.expiresAt),
      proven_until: timeOf(open.provenAt + PROVEN_MS),
      account: account(open.person),
      functions,
      purposes: purposesOf(functions.map((one) => one.function)),
    };
  }

  #prove({ request, body, now }: Call) {
    const open = this.open(request, now);
    this.#proven(open.person, body as Given, now);
    open.provenAt = now;
    return this.#session(open, now);
  }

  #changePassword({ request, body, now }: Call) {
    const open = this.open(request, now);
    const { password } = body as { password: string };
    if ([...password].length < 12) throw wrong('password', 'must have 12 characters at least');
    open.person.password = password;
    this.endSessions(open.person, (other) => other !== open);
    return undefined;
  }

  #draw({ request, now }: Call) {
    const { person } = this.open(request, now);
    const secret = base32(randomBytes(20));
    const enrolment = newId();
    this.#drawn.set(enrolment, secret);
    const uri = `otpauth://totp/Marque:${person.username}?secret=${secret}&issuer=Marque&algorithm=SHA1&digits=6&period=30`;
    return { enrolment, secret, uri, expires_at: timeOf(now + PROVEN_MS) };
  }

  #confirm({ request, body, now }: Call) {
    const open = this.open(request, now);
    const given = body as { enrolment: string; one_time_password: string };
    const secret = this.#drawn.get(given.enrolment);
    const step = secret && stepOf(secret, given.one_time_password, 0, now);
    if (!secret || !step)
      throw new Refusal('sign-in-refused', 'the name, the password or the one-time password is wrong');
    this.#drawn.delete(given.enrolment);
    Object.assign(open.person, { secret, step });
    this.endSessions(open.person, (other) => other !== open);
    return undefined;
  }

  #removeSecondFactor({ request, now }: Call) {
    this.open(request, now).person.secret = undefined;
    return undefined;
  }

  #own({ request, now }: Call) {
    const open = this.open(request, now);
    return { items: this.sessionsOf(open.person, open) };
  }

  #endOwn({ request, part, now }: Call) {
    const { person } = this.open(request, now);
    if (this.endSessions(person, ({ id }) => id === part(1)) === 0)
      throw new Refusal('not-found', 'you have no such session; GET /v1/account/sessions lists them');
    return undefined;
  }
}

interface Given {
  password?: string;
  one_time_password?: string | null;
}

/** As the platform does whose provider is down. */
function unreachable({ query, response }: Call): undefined {
  const back = new URLSearchParams({ failed: 'unavailable', return_to: query.get('return_to') ?? '/' });
  response.writeHead(303, { location: `/sign-in?${back}` }).end();
}

function account(person: Stored): Account {
  const { person_id, username, address, secret, identity_provider } = person;
  return { person_id, username, address, second_factor: secret !== undefined, identity_provider };
}

/** What somebody was told to do, without what is over. */
export function rolesOf(person: Stored, now: number): Role[] {
  return person.roles.filter(({ until }) => until === null || Date.parse(until) > now);
}

function held(person: Stored, now: number): HeldFunction[] {
  return rolesOf(person, now).map(({ function: name, brands, until }) => ({ function: name, brands, until }));
}

function cookie(request: IncomingMessage): string {
  return /(?:^|;\s*)marque_session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
}
