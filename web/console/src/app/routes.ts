export const VEHICLE_TABS = ['live', 'state', 'privacy', 'identity'] as const;
export type VehicleTab = (typeof VEHICLE_TABS)[number];

export type Route =
  | { page: 'fleet' }
  | { page: 'map' }
  | { page: 'vehicles' }
  | { page: 'vehicle'; id: string; tab: VehicleTab }
  | { page: 'campaigns' }
  | { page: 'campaign-new' }
  | { page: 'campaign'; id: string }
  | { page: 'audit' }
  | { page: 'account' }
  | { page: 'people' }
  | { page: 'person-new' }
  | { page: 'person'; id: string }
  | { page: 'roles' }
  | { page: 'services' }
  | { page: 'certificates' }
  | { page: 'quarantine' }
  | { page: 'releases' }
  | { page: 'notices' }
  | { page: 'sign-in' }
  | { page: 'not-found' };

/** Pages whose address is their name. */
const PLAIN = [
  'map',
  'audit',
  'account',
  'people',
  'roles',
  'services',
  'certificates',
  'quarantine',
  'releases',
  'notices',
  'sign-in',
] as const;

/** What an address shows. */
export function match(path: string): Route {
  const [first, second, third, ...rest] = path.split('/').filter(Boolean).map(decode);
  if (rest.length > 0) return { page: 'not-found' };
  if (first === undefined) return { page: 'fleet' };
  const plain = PLAIN.find((page) => page === first);
  if (plain && second === undefined) return { page: plain };
  if (first === 'people' && second !== undefined && third === undefined)
    return second === 'new' ? { page: 'person-new' } : { page: 'person', id: second };
  if (first === 'vehicles') {
    if (second === undefined) return { page: 'vehicles' };
    const tab = VEHICLE_TABS.find((tab) => tab === (third ?? 'live'));
    return tab ? { page: 'vehicle', id: second, tab } : { page: 'not-found' };
  }
  if (first === 'campaigns' && third === undefined) {
    if (second === undefined) return { page: 'campaigns' };
    return second === 'new' ? { page: 'campaign-new' } : { page: 'campaign', id: second };
  }
  return { page: 'not-found' };
}

export function vehiclePath(id: string, tab: VehicleTab = 'live'): string {
  const base = `/vehicles/${encodeURIComponent(id)}`;
  return tab === 'live' ? base : `${base}/${tab}`;
}

export function personPath(id: string): string {
  return `/people/${encodeURIComponent(id)}`;
}

export function vehiclesPath(filter: Record<string, string>): string {
  return `/vehicles?${new URLSearchParams(filter)}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
