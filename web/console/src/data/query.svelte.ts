import { Problem } from '@marque/api';
import { session } from '../app/session.svelte';
import { forgetConnected, whenConnected } from '../live/connection';

/** A read that a screen shows: its data, its problem, and whether it is under way. */
export class Query<T> {
  data = $state.raw<T>();
  problem = $state.raw<Problem>();
  loading = $state(false);
  #abort: AbortController | undefined;
  #last: ((signal: AbortSignal) => Promise<T>) | undefined;

  /** Starts the read; one that is under way is dropped. Returns what stops it, for an effect. */
  run(read: (signal: AbortSignal) => Promise<T>, options: { keep?: boolean } = {}): () => void {
    this.#last = read;
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    forgetConnected(this.retry);
    this.loading = true;
    if (!options.keep) this.data = undefined;
    read(abort.signal).then(
      (data) => {
        if (abort.signal.aborted) return;
        this.data = data;
        this.problem = undefined;
        this.loading = false;
      },
      (cause) => {
        if (abort.signal.aborted) return;
        this.problem = Problem.from(cause);
        if (this.problem.status === 401) session.whenSignedIn(this.retry);
        if (this.problem.status === 0 || this.problem.status >= 500) whenConnected(this.retry);
        this.loading = false;
      },
    );
    return () => {
      abort.abort();
      if (this.#abort === abort) forgetConnected(this.retry);
    };
  }

  retry = (): void => {
    if (this.#last) this.run(this.#last, { keep: true });
  };
}
