import type { IconName } from '@marque/ui';
import type { Action } from '../data/actions';
import { rights } from '../data/rights.svelte';
import type { Route } from './routes';

/** What a page shows takes one of these; an empty list is for everybody who is signed in. */
const NEEDS: Record<Route['page'], Action[]> = {
  fleet: ['fleet.summary.read'],
  map: ['fleet.positions.read'],
  vehicles: ['vehicle.list', 'vehicle.find_by_vin'],
  vehicle: ['vehicle.read'],
  campaigns: ['campaign.list'],
  'campaign-new': ['campaign.create'],
  campaign: ['campaign.list'],
  audit: ['audit.search'],
  account: [],
  people: ['person.list'],
  'person-new': ['person.create'],
  person: ['person.read'],
  roles: ['role.list'],
  services: ['service.list'],
  certificates: ['certificate.list'],
  quarantine: ['quarantine.list'],
  releases: ['ownership_release.list'],
  notices: [],
  'sign-in': [],
  'not-found': [],
};

export interface Place {
  href: string;
  label: string;
  icon: IconName;
  /** The page that it leads to, and those that belong to it. */
  pages: [Route['page'], ...Route['page'][]];
}

const PLACES: Place[] = [
  { href: '/', label: 'Fleet', icon: 'fleet', pages: ['fleet'] },
  { href: '/map', label: 'Map', icon: 'map', pages: ['map'] },
  { href: '/vehicles', label: 'Vehicles', icon: 'car', pages: ['vehicles', 'vehicle'] },
  {
    href: '/campaigns',
    label: 'Campaigns',
    icon: 'campaign',
    pages: ['campaigns', 'campaign', 'campaign-new'],
  },
  { href: '/audit', label: 'Audit', icon: 'shield', pages: ['audit'] },
];

/** Who and what may come in: one place with a tab for each. */
const IDENTITY: Place[] = [
  { href: '/people', label: 'People', icon: 'people', pages: ['people', 'person', 'person-new'] },
  { href: '/roles', label: 'Roles', icon: 'identity', pages: ['roles'] },
  { href: '/services', label: 'Services', icon: 'key', pages: ['services'] },
  { href: '/certificates', label: 'Certificates', icon: 'identity', pages: ['certificates'] },
  { href: '/quarantine', label: 'Quarantine', icon: 'shield', pages: ['quarantine'] },
  { href: '/releases', label: 'Releases', icon: 'people', pages: ['releases'] },
];

/** Whether what a page shows may be shown to whoever is signed in. */
export function mayOpen(page: Route['page']): boolean {
  const needs = NEEDS[page];
  return needs.length === 0 || needs.some((action) => rights.may(action));
}

export function identityPlaces(): Place[] {
  return IDENTITY.filter(({ pages: [page] }) => mayOpen(page));
}

/** What the side bar leads to. */
export function places(): Place[] {
  const [first, ...others] = identityPlaces();
  const identity: Place[] = first
    ? [
        {
          ...first,
          label: 'Identity',
          icon: 'identity',
          pages: [first.pages[0], ...[first, ...others].flatMap(({ pages }) => pages)],
        },
      ]
    : [];
  return [...PLACES.filter(({ pages: [page] }) => mayOpen(page)), ...identity];
}
