import { Problem } from '@marque/api';
import { session } from '../app/session.svelte';
import { backoffMs, EventParser, type ServerEvent } from './sse';

export type StreamStatus = 'idle' | 'connecting' | 'live' | 'waiting' | 'refused';

/** The server writes at least a comment every 15 s; three missed ones mean a dead connection. */
const SILENCE_MS_MAX = 45_000;

interface StreamOptions {
  onEvent: (event: ServerEvent) => void;
  /** Called when a connection is made; `again` after one that was lost, when changes may have been missed. */
  onOpen?: (again: boolean) => void;
}

/**
 * A stream of server events that comes back by itself. Read with `fetch`, since `EventSource` hides the
 * status: an ended session must lead to signing in, not to another attempt.
 */
export class Stream {
  status = $state<StreamStatus>('idle');
  problem = $state.raw<Problem>();
  /** When the next attempt is due, in ms since 1970. */
  retryAt = $state(0);
  #options: StreamOptions;
  #url = '';
  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #opened = false;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  open(url: string): void {
    this.close();
    this.#url = url;
    this.#attempt = 0;
    this.#opened = false;
    addEventListener('online', this.#online);
    this.#connect();
  }

  close(): void {
    removeEventListener('online', this.#online);
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = undefined;
    this.status = 'idle';
  }

  retry(): void {
    this.#attempt = 0;
    this.#connect();
  }

  /** Back online: there is no reason to wait any longer. */
  #online = (): void => {
    if (this.status === 'waiting') this.#connect();
  };

  #connect(): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.status = 'connecting';
    this.#read(abort).catch((cause: unknown) => {
      // Superseded by a later attempt, or closed: nobody waits for this one.
      if (this.#abort === abort) this.#failed(Problem.from(cause));
    });
  }

  async #read(abort: AbortController): Promise<void> {
    const response = await fetch(this.#url, {
      headers: { accept: 'text/event-stream' },
      credentials: 'same-origin',
      cache: 'no-store',
      signal: abort.signal,
    });
    if (!response.ok || !response.body) throw await Problem.read(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser();
    this.status = 'live';
    this.problem = undefined;
    this.#attempt = 0;
    this.#options.onOpen?.(this.#opened);
    this.#opened = true;
    for (;;) {
      const silence = setTimeout(() => abort.abort(), SILENCE_MS_MAX);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done)
        throw new Problem(0, { title: 'The live connection ended', detail: 'It is being made again.' });
      for (const event of parser.push(value)) this.#options.onEvent(event);
    }
  }

  #failed(problem: Problem): void {
    this.problem = problem;
    if (problem.status === 401) {
      session.expire();
      this.status = 'refused';
      session.whenSignedIn(() => {
        if (this.status === 'refused') this.retry();
      });
      return;
    }
    if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) {
      this.status = 'refused';
      return;
    }
    const wait = backoffMs(this.#attempt, Math.random());
    this.#attempt += 1;
    this.retryAt = Date.now() + wait;
    this.status = 'waiting';
    this.#timer = setTimeout(() => this.#connect(), wait);
  }
}
