/** Cars' certificates, and what they enrol with. */
import type { CertificateItem, VehicleCertificates } from '@marque/api';
import { type Call, newId, page, type Route, timeOf } from './call.ts';
import type { Car } from './car.ts';
import type { Fleet } from './fleet.ts';

const DAY = 86_400_000;
const CREDENTIAL_MS = 90 * DAY;

export function certificates(fleet: Fleet, carOf: (id: string) => Car, now = Date.now()): Route[] {
  const known = new Map<string, VehicleCertificates>();

  /** Made up when it is first asked for, and kept from then on. */
  const identity = (car: Car): VehicleCertificates => {
    const found = known.get(car.id) ?? makeUp(car, now);
    known.set(car.id, found);
    return found;
  };

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

  function revoke({ part, now }: Call) {
    const valid = identity(carOf(part(1))).certificates.filter(({ state }) => state === 'valid');
    for (const one of valid) Object.assign(one, { state: 'revoked', revoked_at: timeOf(now) });
    return { revoked: valid.length };
  }

  function draw({ part, now }: Call) {
    const car = carOf(part(1));
    const expires_at = timeOf(now + CREDENTIAL_MS);
    identity(car).enrolment_credential = {
      created_at: timeOf(now),
      expires_at,
      used_at: null,
      state: 'open',
    };
    return { vehicle_id: car.id, credential: `${newId()}${newId().slice(16)}`, expires_at };
  }

  function voidCredential({ part }: Call) {
    const credential = identity(carOf(part(1))).enrolment_credential;
    const revoked = credential?.state === 'open';
    if (credential && revoked) credential.state = 'revoked';
    return { revoked };
  }

  return [
    ['GET', /^\/v1\/certificates$/, list],
    ['GET', /^\/v1\/vehicles\/([^/]+)\/certificates$/, ({ part }) => identity(carOf(part(1)))],
    ['DELETE', /^\/v1\/vehicles\/([^/]+)\/certificates$/, revoke],
    ['POST', /^\/v1\/vehicles\/([^/]+)\/enrolment-credential(?:\/replacement)?$/, draw],
    ['DELETE', /^\/v1\/vehicles\/([^/]+)\/enrolment-credential$/, voidCredential],
  ];
}

/** A certificate for 90 days, the one before it, and the credential that all began with. */
function makeUp(car: Car, now: number): VehicleCertificates {
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
    enrolment_credential: {
      created_at: timeOf(before - 20 * DAY),
      expires_at: timeOf(before + 70 * DAY),
      used_at: timeOf(before),
      state: 'used',
    },
  };
}
