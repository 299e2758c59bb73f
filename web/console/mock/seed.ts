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

interface Seed {
  username: string;
  name: string | null;
  functions: [name: string, brands: BrandSlug[], days: number | null][];
  realm?: RealmSlug;
  disabled?: boolean;
  secret?: string;
}

const SEEDS: Seed[] = [
  { username: 'operator', name: null, functions: STAFF.map((name) => [name, ALL, null]) },
  { username: 'anna.keller', name: 'Anna Keller', functions: [['operations', ['opel', 'vauxhall'], null]] },
  {
    username: 'mira.santos',
    name: 'Mira Santos',
    functions: [['security', ALL, null]],
    secret: SECRET,
  },
  {
    username: 'jean.moreau',
    name: 'Jean Moreau',
    functions: [
      ['operations', ['peugeot', 'citroen', 'ds'], null],
      ['updates', ['peugeot', 'citroen', 'ds'], 60],
    ],
  },
  { username: 'lucia.ferri', name: 'Lucia Ferri', functions: [['privacy', ALL, null]], secret: SECRET },
  { username: 'tom.becker', name: 'Tom Becker', functions: [['support', ['opel'], 14]] },
  {
    username: 'carla.nunes',
    name: 'Carla Nunes',
    functions: [['administrator', ALL, null]],
    secret: SECRET,
  },
  {
    username: 'paolo.rossi',
    name: 'Paolo Rossi',
    functions: [['updates', ['fiat', 'abarth', 'lancia', 'alfa-romeo'], null]],
  },
  {
    username: 'garage.lyon',
    name: 'Garage de Lyon',
    functions: [['dealer', ['peugeot'], null]],
    realm: 'partner',
  },
  { username: 'nina.wolf', name: 'Nina Wolf', functions: [] },
  {
    username: 'julie.martin',
    name: 'Julie Martin',
    functions: [
      ['owner', ALL, null],
      ['driver', ALL, null],
    ],
    realm: 'customer',
  },
  {
    username: 'old.account',
    name: 'Walter Lang',
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
    name: seed.name,
    address: index === 0 ? null : `${seed.username}@example.org`,
    realm: seed.realm ?? 'staff',
    brands: [...new Set(seed.functions.flatMap(([, brands]) => brands))],
    enabled: !seed.disabled,
    created_at: timeOf(now - (90 - index * 7) * DAY),
    created_by: index === 0 ? null : first,
    last_seen_at: index === 9 ? null : timeOf(now - index * index * 3_600_000),
    assignments: seed.functions.map(([name, brands, days]) => ({
      assignment_id: random.hex(32),
      function: name,
      brands,
      from: timeOf(now - (90 - index * 7) * DAY),
      until: days === null ? null : timeOf(now + days * DAY),
      created_by: index === 0 ? null : first,
    })),
    password,
    secret: seed.secret,
    step: 0,
  }));
}
