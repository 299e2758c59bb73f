/** What went wrong with a request, as RFC 9457 describes it. */
export interface ProblemDocument {
  type?: string;
  title?: string;
  status?: number;
  detail?: string | null;
  errors?: { place?: string; detail?: string }[] | null;
}

const KIND = 'urn:marque:problem:';

/** A request that did not succeed. `status` is 0 when no answer came at all. */
export class Problem extends Error {
  readonly status: number;
  /** Names the kind of problem, such as `step-up-required`; empty when the answer was no problem document. */
  readonly kind: string;
  readonly title: string;
  readonly detail: string;
  /** What exactly was refused, and where in the request it stands. */
  readonly places: { place: string; detail: string }[];

  constructor(status: number, document: ProblemDocument = {}) {
    const title = document.title || titleOf(status);
    const detail = document.detail || adviceOf(status);
    super(`${title}: ${detail}`);
    this.name = 'Problem';
    this.status = status;
    this.kind = document.type?.startsWith(KIND) ? document.type.slice(KIND.length) : '';
    this.title = title;
    this.detail = detail;
    this.places = (document.errors ?? []).map((error) => ({
      place: error.place ?? '',
      detail: error.detail ?? '',
    }));
  }

  /** Turns whatever was thrown into a problem that can be shown. */
  static from(cause: unknown): Problem {
    if (cause instanceof Problem) return cause;
    if (cause instanceof TypeError) return new Problem(0);
    return new Problem(0, { title: 'Something went wrong', detail: String(cause) });
  }

  /** Reads the body of a failed response, whatever its type. */
  static async read(response: Response): Promise<Problem> {
    const text = await response.text().catch(() => '');
    return new Problem(response.status, parse(text));
  }

  /** From a body that has been read already. */
  static of(status: number, body: unknown): Problem {
    return new Problem(status, typeof body === 'string' ? parse(body) : ((body ?? {}) as ProblemDocument));
  }
}

function parse(text: string): ProblemDocument {
  try {
    const document: unknown = JSON.parse(text);
    return document !== null && typeof document === 'object' ? (document as ProblemDocument) : {};
  } catch {
    return {};
  }
}

function titleOf(status: number): string {
  if (status === 0) return 'The platform cannot be reached';
  if (status === 401) return 'Signed out';
  if (status === 403) return 'Not allowed';
  if (status === 404) return 'Not found';
  if (status === 429) return 'Too many requests';
  return status >= 500 ? 'The platform had a problem' : 'The request was refused';
}

function adviceOf(status: number): string {
  if (status === 0) return 'Check the connection, then try again.';
  if (status === 401) return 'Sign in again to continue.';
  if (status === 404) return 'It may have been removed, or the address is wrong.';
  return status >= 500 ? 'Try again in a moment.' : `The server answered with status ${status}.`;
}
