/** Cars whose identity two may have. */
import type { LiftedQuarantine, Quarantine } from '@marque/api';
import { type Call, page, Refusal, type Route, timeOf } from './call.ts';
import type { Car } from './car.ts';
import type { Fleet } from './fleet.ts';

const NETWORKS = ['192.0.2.0/24', '198.51.100.0/24'];

export function quarantines(fleet: Fleet, carOf: (id: string) => Car, now = Date.now()): Route[] {
  for (const [index, car] of fleet.cars.filter((_, index) => index % 97 === 7).entries()) {
    const reason = index % 2 === 0 ? 'two-places' : 'forked';
    const networks = index % 2 === 0 ? NETWORKS : [];
    car.quarantine = { since: timeOf(now - (index + 1) * 5_400_000), reason, networks };
  }

  const shown = (car: Car): Quarantine => {
    if (!car.quarantine) throw new Refusal('not-found', 'the car is in no quarantine');
    return { vehicle_id: car.id, brand: car.model.brand, ...car.quarantine };
  };

  function list({ query }: Call) {
    const brand = query.get('brand');
    const items = fleet.cars
      .filter((car) => car.quarantine && (!brand || car.model.brand === brand))
      .map(shown);
    return page(
      items.sort((a, b) => b.since.localeCompare(a.since)),
      query,
    );
  }

  function put({ part, now }: Call) {
    const car = carOf(part(1));
    car.quarantine ??= { since: timeOf(now), reason: 'by-hand', networks: [] };
    return shown(car);
  }

  function lift({ part }: Call): LiftedQuarantine {
    const car = carOf(part(1));
    shown(car);
    car.quarantine = null;
    return { revoked: 1 };
  }

  return [
    ['GET', /^\/v1\/quarantines$/, list],
    ['GET', /^\/v1\/vehicles\/([^/]+)\/quarantine$/, ({ part }) => shown(carOf(part(1)))],
    ['PUT', /^\/v1\/vehicles\/([^/]+)\/quarantine$/, put],
    ['DELETE', /^\/v1\/vehicles\/([^/]+)\/quarantine$/, lift],
  ];
}
