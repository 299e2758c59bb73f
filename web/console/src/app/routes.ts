export const VEHICLE_TABS = ['live', 'state', 'privacy'] as const;
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
  | { page: 'not-found' };

/** What an address shows. */
export function match(path: string): Route {
  const [first, second, third, ...rest] = path.split('/').filter(Boolean).map(decode);
  if (rest.length > 0) return { page: 'not-found' };
  if (first === undefined) return { page: 'fleet' };
  if (first === 'map' && second === undefined) return { page: 'map' };
  if (first === 'audit' && second === undefined) return { page: 'audit' };
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
