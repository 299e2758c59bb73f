import { Problem, type SignalItem } from '@marque/api';
import { SvelteMap } from 'svelte/reactivity';
import { api, body } from '../../data/api';
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

/** A car's signals as they are now. */
export class LiveSignals {
  readonly signals = new SvelteMap<string, LiveSignal>();
  withheld = $state.raw<string[]>([]);
  problem = $state.raw<Problem>();
  loaded = $state(false);
  readonly stream: Stream;
  /** Told of every change, for charts. */
  onchange: ((items: SignalItem[]) => void) | undefined;
  #id: string;
  #purpose: Purpose = 'fleet-management';
  #load = 0;

  constructor(id: string) {
    this.#id = id;
    this.stream = new Stream({
      onEvent: (event) => {
        if (event.type === 'signals') this.#take((JSON.parse(event.data) as { items: SignalItem[] }).items);
      },
      onOpen: () => void this.load(),
    });
  }

  open(purpose: Purpose): () => void {
    this.#purpose = purpose;
    this.signals.clear();
    this.loaded = false;
    this.stream.open(`/v1/vehicles/${encodeURIComponent(this.#id)}/signals/events?purpose=${purpose}`);
    void this.load();
    return () => this.stream.close();
  }

  load = async (): Promise<void> => {
    const number = ++this.#load;
    try {
      const signals = await body(
        api.GET('/v1/vehicles/{vehicle_id}/signals', {
          params: { path: { vehicle_id: this.#id }, query: { purpose: this.#purpose } },
        }),
      );
      if (number !== this.#load) return;
      this.withheld = signals.withheld;
      this.problem = undefined;
      this.loaded = true;
      this.#take(signals.items);
    } catch (cause) {
      if (number === this.#load) this.problem = Problem.from(cause);
    }
  };

  #take(items: SignalItem[]): void {
    for (const item of items) {
      const known = this.signals.get(item.path);
      if (!known) this.signals.set(item.path, new LiveSignal(item));
      else if (known.item.source_time <= item.source_time) known.take(item);
    }
    this.onchange?.(items);
  }
}
