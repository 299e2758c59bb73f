import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Facets, GrantSet, PutGrants, paths, Signals, Vehicle } from '@marque/api';
import { Accounts } from './accounts.ts';
import { grants, state, vehicle } from './answers.ts';
import { Audit } from './audit.ts';
import { BRANDS, MODELS } from './brands.ts';
import { type Call, json, page, Refusal, type Route } from './call.ts';
import { campaigns } from './campaigns.ts';
import type { Car } from './car.ts';
import { certificates } from './certificates.ts';
import type { Fleet } from './fleet.ts';
import { history } from './history.ts';
import { leaves } from './leaves.ts';
import { notices } from './notices.ts';
import { people } from './people.ts';
import { quarantines } from './quarantines.ts';
import { releases } from './releases.ts';
import { services } from './services.ts';
import { roles } from './tables.ts';

type Next = () => void;

/** The paths whose `POST` makes something, by the contract. */
type Creating = {
  [Path in keyof paths]: paths[Path] extends { post: { responses: { 201: unknown } } } ? Path : never;
}[keyof paths];

const creating = (
  [
    '/v1/session',
    '/v1/campaigns',
    '/v1/account/totp',
    '/v1/people',
    '/v1/people/{person_id}/roles',
    '/v1/services',
    '/v1/services/{service_id}/tokens',
    '/v1/vehicles/{vehicle_id}/enrolment-credential',
    '/v1/vehicles/{vehicle_id}/enrolment-credential/replacement',
  ] satisfies Creating[] as string[]
).map((path) => new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`));

/** The contract's routes over a simulated fleet. Anything outside `/v1` goes to the next handler. */
export function handler(fleet: Fleet, password: string) {
  const accounts = new Accounts(password);
  const catalogue = leaves();
  const audit = new Audit();

  const routes: Route[] = [
    ...accounts.routes,
    ...people(accounts),
    ...services(),
    ...certificates(fleet, carOf),
    ...quarantines(fleet, carOf),
    ...releases(fleet),
    ...notices(fleet),
    ...campaigns(fleet, (call, action) => accounts.brandsOf(call, action)),
    ['GET', /^\/v1\/roles$/, roles],
    ['GET', /^\/v1\/facets$/, facets],
    ['GET', /^\/v1\/fleet\/summary$/, ({ now }) => fleet.summary(now)],
    ['GET', /^\/v1\/fleet\/positions$/, ({ now }) => ({ items: located().map((car) => car.position(now)) })],
    ['GET', /^\/v1\/fleet\/events$/, fleetEvents],
    ['GET', /^\/v1\/vehicles$/, ({ query }) => page(matching(query).map(vehicle), query)],
    [
      'POST',
      /^\/v1\/vehicles\/search$/,
      ({ body }) => ({
        items: fleet.cars.filter((car) => car.vin === (body as { vin: string }).vin).map(vehicle),
        next_cursor: null,
      }),
    ],
    ['GET', /^\/v1\/vehicles\/([^/]+)$/, ({ part }) => detail(carOf(part(1)))],
    [
      'GET',
      /^\/v1\/vehicles\/([^/]+)\/signals$/,
      ({ part, now }) => ({ items: carOf(part(1)).signals(now), withheld: carOf(part(1)).withheld() }),
    ],
    ['GET', /^\/v1\/vehicles\/([^/]+)\/signals\/events$/, signalEvents],
    [
      'GET',
      /^\/v1\/vehicles\/([^/]+)\/history$/,
      ({ part, query, now }) => history(carOf(part(1)), query, now),
    ],
    ['GET', /^\/v1\/vehicles\/([^/]+)\/state$/, ({ part, now }) => state(carOf(part(1)), now)],
    ['GET', /^\/v1\/vehicles\/([^/]+)\/grants$/, ({ part, now }) => grants(carOf(part(1)), now)],
    ['PUT', /^\/v1\/vehicles\/([^/]+)\/grants$/, putGrants],
    [
      'GET',
      /^\/v1\/catalogues$/,
      () => ({
        items: [
          { hash: 'c0ffee14c0ffee14', leaf_count: catalogue.length, created_at: new Date().toISOString() },
        ],
        next_cursor: null,
      }),
    ],
    ['GET', /^\/v1\/audit\/entries$/, ({ query }) => page(audit.find(query), query)],
    [
      'GET',
      /^\/v1\/audit\/entries\/(\d+)\/proof$/,
      ({ part, response }) => audit.prove(Number(part(1)), response),
    ],
    ['GET', /^\/v1\/catalogues\/([^/]+)$/, ({ part }) => ({ hash: part(1), leaves: catalogue })],
  ];

  return async (request: IncomingMessage, response: ServerResponse, next: Next): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://mock');
    if (!url.pathname.startsWith('/v1/')) return next();
    try {
      const method = request.method ?? '';
      const [, pattern, run] = routes.find(([m, p]) => m === method && p.test(url.pathname)) ?? [];
      const parts = pattern?.exec(url.pathname) ?? [];
      const call: Call = {
        query: url.searchParams,
        body: await read(request),
        now: Date.now(),
        request,
        response,
        part: (i) => decodeURIComponent(parts[i] ?? ''),
      };
      const isOpen =
        url.pathname.startsWith('/v1/oidc') || (method === 'POST' && url.pathname === '/v1/session');
      if (!isOpen) accounts.check(call, method, url.pathname);
      if (!run) throw new Refusal('not-found', `there is no ${method} ${url.pathname}`);
      const result = run(call);
      audit.record(accounts.whoAsked(call), method, url.pathname, fleet.byId.get(parts[1] ?? ''));
      if (response.headersSent || result === STREAMING) return;
      if (result === undefined) response.writeHead(204).end();
      else
        json(
          response,
          method === 'POST' && creating.some((path) => path.test(url.pathname)) ? 201 : 200,
          result,
        );
    } catch (cause) {
      const refusal = cause instanceof Refusal ? cause : new Refusal('internal', String(cause));
      json(response, refusal.document.status, refusal.document, 'application/problem+json');
    }
  };

  function facets(): Facets {
    return {
      brands: BRANDS.map(([slug, name]) => ({ slug, name })),
      regions: ['eu', 'na', 'uk'],
      architectures: [...new Set(MODELS.map((model) => model.architecture))].sort(),
      models: MODELS.map(({ brand, model, architecture }) => ({ brand, model, architecture })),
    };
  }

  function located(): Car[] {
    return fleet.cars.filter((car) => car.sharesLocation);
  }

  function matching(query: URLSearchParams): Car[] {
    const q = query.get('q')?.toLowerCase();
    const is = (key: string, value: string) => !query.get(key) || query.get(key) === value;
    return fleet.cars.filter(
      (car) =>
        is('brand', car.model.brand) &&
        is('region', car.region) &&
        is('model', car.model.model) &&
        is('architecture', car.model.architecture) &&
        is('state', car.state) &&
        (!q || car.id.startsWith(q) || `${car.model.brand} ${car.model.model}`.toLowerCase().includes(q)),
    );
  }

  function carOf(id: string): Car {
    const car = fleet.byId.get(id);
    if (!car) throw new Refusal('not-found', `there is no vehicle ${id} in this region`);
    return car;
  }

  function putGrants({ part, body, now }: Call): GrantSet {
    const car = carOf(part(1));
    const shares = (category: string) =>
      (body as PutGrants).grants.some(
        (grant) => grant.category === category && grant.purpose === 'fleet-management' && grant.granted,
      );
    car.sharesLocation = shares('location');
    car.sharesDriving = shares('driving');
    for (const tell of car.granted) tell();
    return grants(car, now);
  }

  function detail(car: Car): Vehicle {
    return {
      ...vehicle(car),
      connected_at: car.connected ? new Date(car.connectedAt).toISOString() : null,
      certificate: { not_after: new Date(Date.now() + 4e9 + (car.odometer % 1e10)).toISOString() },
      campaigns: fleet.campaigns
        .filter((assigned) => assigned.vehicles.has(car.id))
        .map(({ campaign }) => ({
          campaign_id: campaign.campaign_id,
          name: campaign.name,
          version: campaign.version,
          applied: true,
        })),
      queue_epoch: EPOCH,
      gaps:
        car.year < 2019 ? [{ lane: 'bulk', queue_epoch: EPOCH, missing_batches: 50, next_seq: 10_461 }] : [],
    };
  }

  function fleetEvents({ response, now }: Call) {
    const send = stream(response);
    send('summary', fleet.summary(now));
    return listen(response, (at, changed) => {
      send('summary', fleet.summary(at));
      send('positions', {
        items: located()
          .filter((car) => car.state === 'moving' || changed.includes(car))
          .map((car) => car.position(at)),
      });
      for (const car of changed)
        send('connectivity', {
          items: [{ vehicle_id: car.id, connected: car.connected, at: new Date(at).toISOString() }],
        });
    });
  }

  function signalEvents({ response, part }: Call) {
    const car = carOf(part(1));
    const send = stream(response);
    const snapshot = () =>
      send('snapshot', { items: car.signals(Date.now()), withheld: car.withheld() } satisfies Signals);
    snapshot();
    car.granted.add(snapshot);
    response.on('close', () => car.granted.delete(snapshot));
    let before = new Map(
      car.signals(Date.now()).map((signal) => [signal.path, JSON.stringify(signal.value)]),
    );
    return listen(response, (at) => {
      const signals = car.connected ? car.signals(at) : [];
      const items = signals.filter((signal) => before.get(signal.path) !== JSON.stringify(signal.value));
      before = new Map([
        ...before,
        ...signals.map((signal) => [signal.path, JSON.stringify(signal.value)] as const),
      ]);
      if (items.length > 0) send('signals', { items });
    });
  }

  function listen(response: ServerResponse, listener: (now: number, changed: Car[]) => void) {
    fleet.listeners.add(listener);
    response.on('close', () => fleet.listeners.delete(listener));
    return STREAMING;
  }
}

/** When the cars' queues began, in seconds: all lanes of a queue share it. */
const EPOCH = 1_795_424_400;

const STREAMING = Symbol('streaming');

function stream(response: ServerResponse) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  return (event: string, data: unknown) =>
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

async function read(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : undefined;
}
