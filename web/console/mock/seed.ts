/** The people that the mock begins with. They all have the same password. */
import type { BrandSlug, RealmSlug } from '@marque/api';
import type { Stored } from './accounts.ts';
import { BRANDS } from './brands.ts';
import { timeOf } from './call.ts';
import { Random } from './random.ts';

const ALL = BRANDS.map(([slug]) => slug);
const STAFF = ['operations', 'updates', 'security', 'privacy', 'support', 'administrator'];
const DAY = 86_400_000;
/** Of whom the mock's second factors are; an authenticator app can be given it. */
export const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';

/** Where one of them comes from. Nobody reaches it. */
export const PROVIDER = 'group';

interface Seed {
  username: string;
  functions: [name: string, brands: BrandSlug[], days: number | null][];
  realm?: RealmSlug;
  disabled?: boolean;
  /** Comes from a provider, which the mock has not: signs in with the password of all. */
  elsewhere?: boolean;
  /** Whether the one-time link was not used yet. */
  invited?: boolean;
  secret?: string;
}

const SEEDS: Seed[] = [
  { username: 'operator', functions: STAFF.map((name) => [name, ALL, null]) },
  { username: 'anna.keller', functions: [['operations', ['opel', 'vauxhall'], null]] },
  {
    username: 'mira.santos',
    functions: [['security', ALL, null]],
    secret: SECRET,
  },
  {
    username: 'jean.moreau',
    functions: [
      ['operations', ['peugeot', 'citroen', 'ds'], null],
      ['updates', ['peugeot', 'citroen', 'ds'], 60],
    ],
  },
  { username: 'lucia.ferri', functions: [['privacy', ALL, null]], secret: SECRET },
  { username: 'tom.becker', functions: [['support', ['opel'], 14]] },
  {
    username: 'carla.nunes',
    functions: [['administrator', ALL, null]],
    secret: SECRET,
  },
  {
    username: 'paolo.rossi',
    functions: [['updates', ['fiat', 'abarth', 'lancia', 'alfa-romeo'], null]],
  },
  {
    username: 'garage.lyon',
    functions: [['dealer', ['peugeot'], null]],
    realm: 'partner',
  },
  { username: 'group:eva.lind', functions: [['operations', ['fiat'], null]], elsewhere: true },
  { username: 'nina.wolf', functions: [], invited: true },
  {
    username: 'julie.martin',
    functions: [
      ['owner', ALL, null],
      ['driver', ALL, null],
    ],
    realm: 'customer',
  },
  {
    username: 'old.account',
    functions: [['support', ['opel', 'fiat'], null]],
    disabled: true,
  },
];

export function seed(password: string, now: number): Stored[] {
  const random = new Random(3);
  const first = random.hex(32);
  return SEEDS.map((seed, index) => ({
    person_id: index === 0 ? first : random.hex(32),
    username: seed.username,
    address: index === 0 ? null : `${seed.username}@example.org`,
    realm: seed.realm ?? 'staff',
    organisation_id: null,
    created_for:
      seed.functions.length === 0 || index === 0
        ? null
        : [...new Set(seed.functions.flatMap(([, brands]) => brands))],
    enabled: !seed.disabled,
    created_at: timeOf(now - (90 - index * 7) * DAY),
    created_by: index === 0 ? null : first,
    identity_provider: seed.elsewhere ? PROVIDER : null,
    roles: seed.functions.map(([name, brands, days]) => ({
      assignment_id: random.hex(32),
      function: name,
      brands,
      created_at: timeOf(now - (90 - index * 7) * DAY),
      until: days === null ? null : timeOf(now + days * DAY),
      created_by: index === 0 ? null : first,
    })),
    password: seed.invited ? undefined : password,
    secret: seed.secret,
    step: 0,
  }));
}
