/** What whoever signs in was told. */
import type { Notice } from '@marque/api';
import { type Call, page, Refusal, type Route, timeOf } from './call.ts';
import type { Fleet } from './fleet.ts';

const HOUR_MS = 3_600_000;
const KINDS = ['role-given', 'account-made', 'release-waits', 'credentials-reset', 'account-disabled'];

export function notices(fleet: Fleet, now = Date.now()): Route[] {
  const all = KINDS.map((kind, index): Notice => {
    const isOfCar = kind === 'release-waits';
    return {
      notice_id: `${index + 1}`.padStart(32, '0'),
      kind,
      vehicle_id: isOfCar ? (fleet.cars[index]?.id ?? null) : null,
      organisation_id: null,
      person_id: isOfCar ? null : `${index + 1}`.padStart(32, 'b'),
      at: timeOf(now - (index + 1) * HOUR_MS),
      acknowledged_at: index < 3 ? null : timeOf(now),
    };
  });

  function acknowledge({ part, now }: Call) {
    const one = all.find(({ notice_id }) => notice_id === part(1));
    if (!one) throw new Refusal('not-found', 'you have no such notice');
    one.acknowledged_at ??= timeOf(now);
  }

  return [
    ['GET', /^\/v1\/notices$/, ({ query }) => page(all, query)],
    ['POST', /^\/v1\/notices\/([^/]+)\/acknowledgement$/, acknowledge],
  ];
}
