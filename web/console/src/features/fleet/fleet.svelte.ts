import { type FleetSummary, type Position, Problem } from '@marque/api';
import { api, body } from '../../data/api';
import { standingPurpose } from '../../data/purpose.svelte';
import { rights } from '../../data/rights.svelte';
import { connected } from '../../live/connection';
import { Stream } from '../../live/stream.svelte';
import { applyFleetEvent, emptyFleet, readFleetEvent } from './reducer';

/** Positions are read whole this often, so that a car whose owner withdrew the grant leaves the map. */
const RENEW_MS = 60_000;

/** A hidden console lets go of its stream after this long; it comes back with the page. */
const HIDDEN_MS_MAX = 60_000;

/** The fleet as it is now. One stream for the whole console, for as long as someone is signed in. */
class FleetStore {
  summary = $state.raw<FleetSummary>();
  samples = $state.raw<number[]>([]);
  acks = $state.raw<number[]>([]);
  problem = $state.raw<Problem>();
  /** When the platform last told something, in ms since 1970. */
  heardAt = $state(0);
  /** Counts changes of `positions`, which is too big to be reactive itself. */
  revision = $state(0);
  positionsLoaded = $state(false);
  readonly stream: Stream;
  #state = emptyFleet();
  #started = false;

  constructor() {
    this.stream = new Stream({
      onEvent: (event) => {
        const change = readFleetEvent(event.type, event.data);
        if (!change) return;
        applyFleetEvent(this.#state, change);
        this.heardAt = Date.now();
        this.#publish();
      },
      onOpen: () => {
        void this.load();
        connected();
      },
    });
  }

  /** The figures are of `heardAt`, since nothing renews them now. */
  get stale(): boolean {
    return this.summary !== undefined && this.stream.status !== 'live';
  }

  get positions(): ReadonlyMap<string, Position> {
    return this.#state.positions;
  }

  start(): () => void {
    this.#started = true;
    this.#follow();
    let hidden: ReturnType<typeof setTimeout> | undefined;
    const visibility = () => {
      clearTimeout(hidden);
      if (document.visibilityState === 'hidden')
        hidden = setTimeout(() => this.stream.close(), HIDDEN_MS_MAX);
      else this.resume();
    };
    document.addEventListener('visibilitychange', visibility);
    const renew = setInterval(() => {
      if (this.stream.status === 'live') void this.load();
    }, RENEW_MS);
    return () => {
      clearInterval(renew);
      clearTimeout(hidden);
      document.removeEventListener('visibilitychange', visibility);
      this.#started = false;
      this.stream.close();
      this.#state = emptyFleet();
      this.positionsLoaded = false;
      this.#publish();
    };
  }

  resume(): void {
    const { status } = this.stream;
    if (this.#started && status === 'idle') this.#follow();
  }

  #follow(): void {
    this.stream.open(`/v1/fleet/events?purpose=${standingPurpose()}`);
  }

  /** The whole of it; after a reconnection, too, since changes were missed. */
  load = async (): Promise<void> => {
    try {
      const params = { query: { purpose: standingPurpose() } };
      const [summary, positions] = await Promise.all([
        body(api.GET('/v1/fleet/summary', { params })),
        rights.may('fleet.positions.read') ? body(api.GET('/v1/fleet/positions', { params })) : { items: [] },
      ]);
      this.#state.summary ??= summary;
      const known = new Set(positions.items.map((position) => position.vehicle_id));
      const removed = [...this.#state.positions.keys()].filter((id) => !known.has(id));
      applyFleetEvent(this.#state, { type: 'positions', items: positions.items, removed });
      this.positionsLoaded = true;
      this.problem = undefined;
      this.heardAt = Date.now();
      this.#publish();
    } catch (cause) {
      this.problem = Problem.from(cause);
    }
  };

  #publish(): void {
    this.summary = this.#state.summary;
    this.samples = this.#state.samples;
    this.acks = this.#state.acks;
    this.revision += 1;
  }
}

export const fleet = new FleetStore();
