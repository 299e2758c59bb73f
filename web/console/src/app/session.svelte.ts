import { type Account, body, createApi, type HeldFunction, Problem, type Session } from '@marque/api';

type Status = 'unknown' | 'unreachable' | 'signed-out' | 'signed-in' | 'expired';

/** Who is signed in. Its own client, since the shared one reports to it. */
class SessionStore {
  status = $state<Status>('unknown');
  account = $state.raw<Account>();
  functions = $state.raw<HeldFunction[]>([]);
  purposes = $state.raw<Session['purposes']>([]);
  problem = $state.raw<Problem>();
  #api = createApi();
  #check: ReturnType<typeof setTimeout> | undefined;
  #waiting = new Set<() => void>();

  async restore(): Promise<void> {
    try {
      const session = await body(this.#api.GET('/v1/session'));
      this.#begin(session);
    } catch (cause) {
      const problem = Problem.from(cause);
      if (problem.status === 401) this.status = this.status === 'signed-in' ? 'expired' : 'signed-out';
      else if (this.status === 'unknown') this.status = 'unreachable';
      this.problem = problem.status === 401 ? undefined : problem;
    }
  }

  /** Throws the problem when the platform refuses. `oneTimePassword` is null until it is asked for. */
  async signIn(username: string, password: string, oneTimePassword: string | null): Promise<void> {
    const credentials = { username, password, one_time_password: oneTimePassword };
    this.#begin(await body(this.#api.POST('/v1/session', { body: credentials })));
  }

  /** Proves anew who it is. Throws the problem when the platform refuses. */
  async prove(password: string, oneTimePassword: string | null): Promise<void> {
    const proof = { password, one_time_password: oneTimePassword };
    try {
      this.#begin(await body(this.#api.POST('/v1/session/step-up', { body: proof })));
    } catch (cause) {
      if (Problem.from(cause).kind === 'unauthorized') this.expire();
      throw cause;
    }
  }

  /** Throws the problem when the platform does not answer: the cookie lives on, and only it can end it. */
  async signOut(): Promise<void> {
    await body(this.#api.DELETE('/v1/session')).catch((cause: unknown) => {
      if (Problem.from(cause).status !== 401) throw cause;
    });
    clearTimeout(this.#check);
    this.account = undefined;
    this.status = 'signed-out';
  }

  /** Runs once when somebody is signed in again: what was refused meanwhile asks anew. */
  whenSignedIn(again: () => void): void {
    this.#waiting.add(again);
  }

  expire(): void {
    if (this.status === 'signed-in') this.status = 'expired';
  }

  #begin(session: Session): void {
    this.account = session.account;
    this.functions = session.functions;
    this.purposes = session.purposes;
    this.problem = undefined;
    this.status = 'signed-in';
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const again of waiting) again();
    clearTimeout(this.#check);
    // The platform may have prolonged it, and functions may have an end: asks instead of assuming. Timers hold 31 bits.
    const ends = [session.expires_at, ...session.functions.flatMap(({ until }) => until ?? [])];
    const wait = Math.min(Math.max(Math.min(...ends.map(Date.parse)) - Date.now(), 1000), 2 ** 31 - 1);
    this.#check = setTimeout(() => void this.restore(), wait);
  }
}

export const session = new SessionStore();
