/** Machines of ours that work with the platform. */
import type { NewService, NewServiceToken, RegisteredService, Service } from '@marque/api';
import { BRANDS } from './brands.ts';
import { type Call, newId, page, Refusal, type Route, timeOf, wrong } from './call.ts';

const DAY = 86_400_000;
const ALL = BRANDS.map(([slug]) => slug);

export function services(now = Date.now()): Route[] {
  const all: Service[] = [
    { name: 'plant-mulhouse', profiles: ['factory'], brands: ['peugeot', 'ds'], seen: 40_000, age: 300 },
    { name: 'prometheus', profiles: ['monitoring'], brands: ALL, seen: 9_000, age: 120 },
    { name: 'witness-turin', profiles: ['witness'], brands: ALL, seen: 7_200_000, age: 88 },
    { name: 'simulation', profiles: ['simulation'], brands: ALL, seen: 3_000, age: 2 },
    { name: 'plant-old', profiles: ['factory'], brands: ['opel'], seen: 40 * DAY, age: 500 },
  ].map(({ name, profiles, brands, seen, age }) => ({
    service_id: newId(),
    name,
    profiles: profiles as Service['profiles'],
    brands: brands as Service['brands'],
    enabled: name !== 'plant-old',
    created_at: timeOf(now - age * DAY),
    created_by: null,
    last_seen_at: timeOf(now - seen),
  }));

  const service = (id: string): Service => {
    const found = all.find(({ service_id }) => service_id === id);
    if (!found) throw new Refusal('not-found', 'no service has this id; GET /v1/services lists them');
    return found;
  };

  const draw = (now: number): NewServiceToken => ({ token: `mqs_${newId()}`, expires_at: timeOf(now + DAY) });

  function create({ body, now }: Call): RegisteredService {
    const given = body as NewService;
    if (given.profiles.includes('simulation'))
      throw wrong('profiles', 'only the platform itself gives `simulation`');
    if (given.profiles.length === 0) throw wrong('profiles', 'name at least one');
    if (given.brands.length === 0) throw wrong('brands', 'name at least one');
    if (all.some(({ name }) => name === given.name))
      throw new Refusal('conflict', 'another service has this name; choose another one');
    const created: Service = {
      service_id: newId(),
      ...given,
      enabled: true,
      created_at: timeOf(now),
      created_by: null,
      last_seen_at: null,
    };
    all.unshift(created);
    return { service: created, ...draw(now) };
  }

  function rotate({ part, now }: Call): NewServiceToken {
    const found = service(part(1));
    if (!found.enabled) throw new Refusal('conflict', 'the service is disabled; create another one');
    return draw(now);
  }

  function disable({ part }: Call): undefined {
    service(part(1)).enabled = false;
    return undefined;
  }

  return [
    ['GET', /^\/v1\/services$/, ({ query }) => page(all, query)],
    ['POST', /^\/v1\/services$/, create],
    ['POST', /^\/v1\/services\/([^/]+)\/tokens$/, rotate],
    ['POST', /^\/v1\/services\/([^/]+)\/disable$/, disable],
  ];
}
