/** What administrators and security people do with others' accounts. */
import type { NewPerson, NewRole, Person, PersonItem, RoleAssignment } from '@marque/api';
import { type Accounts, held, type Stored } from './accounts.ts';
import { type Call, newId, page, Refusal, type Route, timeOf, wrong } from './call.ts';

export function people(accounts: Accounts): Route[] {
  const person = (id: string): Stored => {
    const found = accounts.people.find(({ person_id }) => person_id === id);
    if (!found || found.realm === 'customer')
      throw new Refusal('not-found', 'no person has this id; GET /v1/people lists them');
    return found;
  };

  /** Nobody does it to the own account. */
  const another = ({ part, request, now }: Call): Stored => {
    const found = person(part(1));
    if (accounts.open(request, now).person === found)
      throw new Refusal('forbidden', 'somebody else must do this for you');
    return found;
  };

  function list({ query, now }: Call) {
    const q = query.get('q')?.toLowerCase();
    const functions = (one: Stored) => held(one, now);
    const items = accounts.people
      .filter((one) => one.realm !== 'customer')
      .filter((one) => !q || `${one.username} ${one.name ?? ''}`.toLowerCase().includes(q))
      .filter((one) => !query.get('enabled') || String(one.enabled) === query.get('enabled'))
      .filter(
        (one) =>
          !query.get('function') || functions(one).some((held) => held.function === query.get('function')),
      )
      .filter(
        (one) =>
          !query.get('brand') ||
          functions(one).some(({ brands }) => brands.some((brand) => brand === query.get('brand'))),
      )
      .map((one) => item(one, now));
    return page(items, query);
  }

  function create({ body, request, now }: Call): Person {
    const given = body as NewPerson;
    if (!/^[a-z0-9][a-z0-9.@_-]*$/.test(given.username))
      throw wrong('username', 'takes small letters, digits and . - _ @');
    if (accounts.people.some(({ username }) => username === given.username))
      throw new Refusal('conflict', 'another account has this name; choose another one');
    const created: Stored = {
      person_id: newId(),
      ...given,
      enabled: true,
      created_at: timeOf(now),
      created_by: accounts.open(request, now).person.person_id,
      last_seen_at: null,
      assignments: [],
      password: newId(),
      secret: undefined,
      step: 0,
    };
    accounts.people.push(created);
    return whole(created);
  }

  function enable(call: Call, enabled: boolean): undefined {
    const found = another(call);
    found.enabled = enabled;
    if (!enabled) accounts.endSessions(found);
    return undefined;
  }

  function reset(call: Call): undefined {
    const found = another(call);
    Object.assign(found, { password: newId(), secret: undefined });
    accounts.endSessions(found);
    return undefined;
  }

  function assign(call: Call): RoleAssignment {
    const { function: name, brands, until } = call.body as NewRole;
    const found = another(call);
    const giver = accounts.open(call.request, call.now).person;
    if (found.created_by === giver.person_id && giver.username !== 'operator')
      throw new Refusal('forbidden', 'you created this account; another administrator gives it functions');
    if (brands.length === 0) throw wrong('brands', 'name at least one');
    if (until !== null && Date.parse(until) <= call.now) throw wrong('until', 'is over already');
    const assignment = {
      assignment_id: newId(),
      function: name,
      brands,
      from: timeOf(call.now),
      until,
      created_by: giver.person_id,
    };
    found.assignments.push(assignment);
    return assignment;
  }

  function revoke({ part }: Call): undefined {
    const found = person(part(1));
    const kept = found.assignments.filter(({ assignment_id }) => assignment_id !== part(2));
    if (kept.length === found.assignments.length)
      throw new Refusal('not-found', 'the person has no such assignment');
    const administrators = accounts.people.flatMap(({ assignments }) =>
      assignments.filter((one) => one.function === 'administrator'),
    );
    if (administrators.length === 1 && administrators[0]?.assignment_id === part(2))
      throw new Refusal(
        'conflict',
        'it is the last administrator of the region; give the function to another first',
      );
    found.assignments = kept;
    return undefined;
  }

  function end({ part }: Call): undefined {
    const id = part(2);
    const ended = accounts.endSessions(person(part(1)), (open) => !id || open.id === id);
    if (id && ended === 0) throw new Refusal('not-found', 'the person has no such session');
    return undefined;
  }

  return [
    ['GET', /^\/v1\/people$/, list],
    ['POST', /^\/v1\/people$/, create],
    ['GET', /^\/v1\/people\/([^/]+)$/, ({ part }) => whole(person(part(1)))],
    ['POST', /^\/v1\/people\/([^/]+)\/disable$/, (call) => enable(call, false)],
    ['POST', /^\/v1\/people\/([^/]+)\/enable$/, (call) => enable(call, true)],
    ['POST', /^\/v1\/people\/([^/]+)\/credential-reset$/, reset],
    ['POST', /^\/v1\/people\/([^/]+)\/roles$/, assign],
    ['DELETE', /^\/v1\/people\/([^/]+)\/roles\/([^/]+)$/, revoke],
    [
      'GET',
      /^\/v1\/people\/([^/]+)\/sessions$/,
      ({ part, request, now }) => ({
        items: accounts.sessionsOf(person(part(1)), accounts.open(request, now)),
      }),
    ],
    ['DELETE', /^\/v1\/people\/([^/]+)\/sessions(?:\/([^/]+))?$/, end],
  ];
}

function item(person: Stored, now: number): PersonItem {
  const { person_id, username, name, realm, enabled, created_at, last_seen_at } = person;
  const second_factor = person.secret !== undefined;
  const functions = held(person, now);
  return { person_id, username, name, realm, enabled, second_factor, functions, created_at, last_seen_at };
}

function whole({ password: _, secret, step: _step, ...person }: Stored): Person {
  return { ...person, second_factor: secret !== undefined };
}
