import type { Problem, SignalItem, Signals } from '@marque/api';
import { SvelteMap } from 'svelte/reactivity';
import type { Purpose } from '../../data/purpose.svelte';
import { Stream } from '../../live/stream.svelte';

/** A signal's latest state. Rows watch only their own, so a change draws one row. */
export class LiveSignal {
  item = $state.raw() as SignalItem;
  /** Counts changes of the value, for what flashes. */
  changes = $state(0);

  constructor(item: SignalItem) {
    this.item = item;
  }

  take(item: SignalItem): void {
    if (JSON.stringify(item.value) !== JSON.stringify(this.item.value)) this.changes += 1;
    this.item = item;
  }
}

/**
 * A car's signals as they are now. The stream begins with a snapshot, and sends another whenever changes were
 * missed or grants have changed: what is not in it may not be shown any more.
 */
export class LiveSignals {
  readonly signals = new SvelteMap<string, LiveSignal>();
  withheld = $state.raw<string[]>([]);
  loaded = $state(false);
  readonly stream: Stream;
  /** Told of every change, for charts. */
  onchange: ((items: SignalItem[]) => void) | undefined;
  #id: string;

  constructor(id: string) {
    this.#id = id;
    this.stream = new Stream({
      onEvent: (event) => {
        if (event.type === 'snapshot') this.#replace(JSON.parse(event.data) as Signals);
        if (event.type === 'signals') this.#take((JSON.parse(event.data) as { items: SignalItem[] }).items);
      },
    });
  }

  /** Why nothing is shown; a stream that is only being made again keeps what it has shown. */
  get problem(): Problem | undefined {
    return this.loaded && this.stream.status !== 'refused' ? undefined : this.stream.problem;
  }

  open(purpose: Purpose): () => void {
    this.signals.clear();
    this.withheld = [];
    this.loaded = false;
    this.stream.open(`/v1/vehicles/${encodeURIComponent(this.#id)}/signals/events?purpose=${purpose}`);
    return () => this.stream.close();
  }

  #replace({ items, withheld }: Signals): void {
    const paths = new Set(items.map((item) => item.path));
    for (const path of [...this.signals.keys()]) if (!paths.has(path)) this.signals.delete(path);
    this.withheld = withheld;
    this.loaded = true;
    this.#take(items);
  }

  #take(items: SignalItem[]): void {
    for (const item of items) {
      const known = this.signals.get(item.path);
      if (known) known.take(item);
      else this.signals.set(item.path, new LiveSignal(item));
    }
    this.onchange?.(items);
  }
}
