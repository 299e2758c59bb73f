/** Cars' certificates, what they enrol with, and whose identity is in quarantine. */
import type { CertificateItem, QuarantineItem, VehicleIdentity } from '@marque/api';
import { type Call, newId, page, type Route, timeOf, wrong } from './call.ts';
import type { Car } from './car.ts';
import type { Fleet } from './fleet.ts';

const DAY = 86_400_000;
const CREDENTIAL_MS = 90 * DAY;

export function certificates(fleet: Fleet, carOf: (id: string) => Car, now = Date.now()): Route[] {
  const known = new Map<string, VehicleIdentity>();

  /** Made up when it is first asked for, and kept from then on. */
  const identity = (car: Car): VehicleIdentity => {
    const found = known.get(car.id) ?? makeUp(car, now);
    known.set(car.id, found);
    return found;
  };
  const suspicious = fleet.cars.filter((_, index) => index % 467 === 11);
  for (const [index, car] of suspicious.entries()) {
    const why =
      index % 2
        ? 'Two connections at once from different networks'
        : 'Sequence of batches went back by 4,180';
    identity(car).quarantine = { since: timeOf(now - (index + 1) * 5_400_000), why };
  }

  const ofBrand = (query: URLSearchParams) =>
    fleet.cars.filter((car) => !query.get('brand') || car.model.brand === query.get('brand'));

  function list({ query }: Call) {
    const state = query.get('state');
    const items = ofBrand(query).flatMap((car): CertificateItem[] =>
      identity(car)
        .certificates.filter((one) => !state || one.state === state)
        .map((one) => ({ ...one, vehicle_id: car.id, brand: car.model.brand })),
    );
    return page(
      items.sort((a, b) => a.not_after.localeCompare(b.not_after)),
      query,
    );
  }

  function quarantines({ query }: Call) {
    const items = ofBrand(query).flatMap((car): QuarantineItem[] => {
      const quarantine = identity(car).quarantine;
      return quarantine ? [{ ...quarantine, vehicle_id: car.id, brand: car.model.brand }] : [];
    });
    return page(items, query);
  }

  function revoke({ part, now }: Call) {
    const valid = identity(carOf(part(1))).certificates.filter(({ state }) => state === 'valid');
    for (const one of valid) Object.assign(one, { state: 'revoked', revoked_at: timeOf(now) });
    return { revoked: valid.length };
  }

  function draw({ part, now }: Call) {
    const car = carOf(part(1));
    const { enrolment_credentials } = identity(car);
    for (const one of enrolment_credentials) if (one.state === 'open') one.state = 'revoked';
    const expires_at = timeOf(now + CREDENTIAL_MS);
    enrolment_credentials.unshift({ created_at: timeOf(now), expires_at, used_at: null, state: 'open' });
    return { vehicle_id: car.id, credential: `${newId()}${newId().slice(16)}`, expires_at };
  }

  function voidCredential({ part }: Call) {
    const open = identity(carOf(part(1))).enrolment_credentials.filter(({ state }) => state === 'open');
    for (const one of open) one.state = 'revoked';
    return { revoked: open.length > 0 };
  }

  function quarantine({ part, body, now }: Call): undefined {
    const why = (body as { why: string }).why.trim();
    if (!why) throw wrong('why', 'say why, for whoever releases it');
    identity(carOf(part(1))).quarantine = { since: timeOf(now), why };
    return undefined;
  }

  function release({ part }: Call): undefined {
    identity(carOf(part(1))).quarantine = null;
    return undefined;
  }

  return [
    ['GET', /^\/v1\/certificates$/, list],
    ['GET', /^\/v1\/quarantines$/, quarantines],
    ['GET', /^\/v1\/vehicles\/([^/]+)\/certificates$/, ({ part }) => identity(carOf(part(1)))],
    ['DELETE', /^\/v1\/vehicles\/([^/]+)\/certificates$/, revoke],
    ['POST', /^\/v1\/vehicles\/([^/]+)\/enrolment-credential(?:\/replacement)?$/, draw],
    ['DELETE', /^\/v1\/vehicles\/([^/]+)\/enrolment-credential$/, voidCredential],
    ['PUT', /^\/v1\/vehicles\/([^/]+)\/quarantine$/, quarantine],
    ['DELETE', /^\/v1\/vehicles\/([^/]+)\/quarantine$/, release],
  ];
}

/** A certificate for 90 days, the one before it, and the credential that all began with. */
function makeUp(car: Car, now: number): VehicleIdentity {
  const age = (car.odometer % 85) * DAY;
  const begin = now - age - 60_000 * (car.odometer % 1440);
  const serial = (at: number) => `${car.id.slice(0, 12)}${Math.floor(at).toString(16)}`;
  const revoked = car.odometer % 61 === 0;
  const certificate = (at: number) => ({
    serial: serial(at),
    not_before: timeOf(at),
    not_after: timeOf(at + 90 * DAY),
    state: revoked ? ('revoked' as const) : ('valid' as const),
    revoked_at: revoked ? timeOf(now - 3 * DAY) : null,
  });
  const before = begin - 80 * DAY;
  return {
    certificates: [
      certificate(begin),
      { ...certificate(before), not_after: timeOf(before + 80 * DAY), state: 'expired', revoked_at: null },
    ],
    enrolment_credentials: [
      {
        created_at: timeOf(before - 20 * DAY),
        expires_at: timeOf(before + 70 * DAY),
        used_at: timeOf(before),
        state: 'used',
      },
    ],
    quarantine: null,
  };
}
