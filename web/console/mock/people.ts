/** What administrators and security people do with others' accounts. */
import type { NewPerson, NewRole, PersonAccount, PersonChange, Role } from '@marque/api';
import { type Accounts, rolesOf, type Stored } from './accounts.ts';
import { type Call, newId, page, Refusal, type Route, timeOf, wrong } from './call.ts';

/** So long nobody resets the credential of an account whose address was changed. */
const ADDRESS_HELD_MS = 7 * 86_400_000;

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
    const items = accounts.people
      .filter((one) => one.realm !== 'customer')
      .filter((one) => !q || one.username.includes(q))
      .filter(
        (one) =>
          !query.get('function') || rolesOf(one, now).some((role) => role.function === query.get('function')),
      )
      .sort((a, b) => a.username.localeCompare(b.username))
      .map((one) => account(one, now));
    return page(items, query);
  }

  function create({ body, request, now }: Call): PersonAccount {
    const given = body as NewPerson;
    checkName(given.username);
    const created: Stored = {
      person_id: newId(),
      username: given.username,
      realm: given.realm,
      address: given.address ?? null,
      created_for: given.brands ?? null,
      organisation_id: given.organisation_id ?? null,
      enabled: true,
      created_at: timeOf(now),
      created_by: accounts.open(request, now).person.person_id,
      identity_provider: null,
      roles: [],
      password: undefined,
      secret: undefined,
      step: 0,
    };
    accounts.people.push(created);
    return account(created, now);
  }

  function checkName(username: string): void {
    if (!/^[a-z0-9][a-z0-9._@+-]*$/.test(username))
      throw wrong('username', 'takes small letters, digits and . _ @ + -');
    if (accounts.people.some((one) => one.username === username))
      throw new Refusal('conflict', 'another account has this name; choose another one');
  }

  function update(call: Call): PersonAccount {
    const found = another(call);
    const { username, address } = call.body as PersonChange;
    if (username && username !== found.username) {
      checkName(username);
      found.username = username;
    }
    if (address && address !== found.address) Object.assign(found, { address, address_changed_at: call.now });
    return account(found, call.now);
  }

  function enable(call: Call, enabled: boolean): undefined {
    const found = another(call);
    found.enabled = enabled;
    if (!enabled) accounts.endSessions(found);
    return undefined;
  }

  function reset(call: Call): undefined {
    const found = another(call);
    if (found.identity_provider)
      throw new Refusal(
        'conflict',
        'the account is of an identity provider: its credentials are reset there',
      );
    if (!found.address)
      throw new Refusal('conflict', 'the account has no address to send a link to; give it one first');
    if (call.now - (found.address_changed_at ?? 0) < ADDRESS_HELD_MS)
      throw new Refusal(
        'conflict',
        'its address was changed within seven days; wait, or give it a new account',
      );
    Object.assign(found, { password: undefined, secret: undefined });
    accounts.endSessions(found);
    return undefined;
  }

  function assign(call: Call): Role {
    const { function: name, brands, until } = call.body as NewRole;
    const found = another(call);
    const giver = accounts.open(call.request, call.now).person;
    if (found.created_by === giver.person_id && giver.username !== 'operator')
      throw new Refusal('forbidden', 'you created this account; another administrator gives it functions');
    if (brands.length === 0) throw wrong('brands', 'name at least one');
    if (until && Date.parse(until) <= call.now) throw wrong('until', 'is over already');
    const assignment = {
      assignment_id: newId(),
      function: name,
      brands,
      created_at: timeOf(call.now),
      until: until ?? null,
      created_by: giver.person_id,
    };
    found.roles.push(assignment);
    return assignment;
  }

  function revoke({ part }: Call): undefined {
    const found = person(part(1));
    const kept = found.roles.filter(({ assignment_id }) => assignment_id !== part(2));
    if (kept.length === found.roles.length)
      throw new Refusal('not-found', 'the person has no such assignment');
    const administrators = accounts.people.flatMap(({ roles }) =>
      roles.filter((one) => one.function === 'administrator'),
    );
    if (administrators.length === 1 && administrators[0]?.assignment_id === part(2))
      throw new Refusal(
        'conflict',
        'it is the last administrator of the region; give the function to another first',
      );
    found.roles = kept;
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
    ['GET', /^\/v1\/people\/([^/]+)$/, ({ part, now }) => account(person(part(1)), now)],
    ['PATCH', /^\/v1\/people\/([^/]+)$/, update],
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

/** As the platform answers; roles that are over are not told. */
function account(person: Stored, now: number): PersonAccount {
  const { password, secret, step: _step, address_changed_at: _at, ...known } = person;
  return {
    ...known,
    password_set: password !== undefined,
    second_factor: secret !== undefined,
    roles: rolesOf(person, now),
  };
}
