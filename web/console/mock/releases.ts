/** Buyers who ask for cars whose sellers did not let go. */
import type { OwnershipRelease } from '@marque/api';
import { type Call, page, Refusal, type Route, timeOf } from './call.ts';
import type { Fleet } from './fleet.ts';

const DAY_MS = 86_400_000;
const REQUESTERS = ['ben', 'carla', 'dora', 'emil', 'fabian'];
const STATES = ['requested', 'approved', 'requested', 'objected', 'lapsed'] as const;

export function releases(fleet: Fleet, now = Date.now()): Route[] {
  const cars = fleet.cars.filter((_, index) => index % 83 === 11);
  const all = cars.map((car, index): OwnershipRelease => {
    const [at, state] = [now - (index + 1) * DAY_MS, STATES[index % STATES.length] ?? 'requested'];
    const isOver = state === 'objected' || state === 'lapsed';
    return {
      release_id: `${index + 1}`.padStart(32, '0'),
      vehicle_id: car.id,
      brand: car.model.brand,
      state,
      requested_at: timeOf(at),
      requested_by: {
        person_id: `${index + 1}`.padStart(32, 'b'),
        username: REQUESTERS[index % REQUESTERS.length] ?? 'ben',
      },
      approved_at: state === 'approved' ? timeOf(at + DAY_MS / 2) : null,
      due_at: timeOf(at + (state === 'approved' ? 14.5 : 30) * DAY_MS),
      ended_at: isOver ? timeOf(now - DAY_MS / 4) : null,
    };
  });

  function list({ query }: Call) {
    const [brand, state] = [query.get('brand'), query.get('state')];
    return page(
      all.filter((one) => (!brand || one.brand === brand) && (!state || one.state === state)),
      query,
    );
  }

  function approve({ part, now }: Call) {
    const one = all.find(({ release_id }) => release_id === part(1));
    if (!one) throw new Refusal('not-found', 'no such request');
    if (one.state !== 'requested') throw new Refusal('conflict', 'the request is approved or over');
    return Object.assign(one, {
      state: 'approved',
      approved_at: timeOf(now),
      due_at: timeOf(now + 14 * DAY_MS),
    });
  }

  return [
    ['GET', /^\/v1\/ownership-releases$/, list],
    ['POST', /^\/v1\/ownership-releases\/([^/]+)\/approval$/, approve],
  ];
}
