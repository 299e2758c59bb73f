import type { AuditItem } from '@marque/api';

/** What is recorded, as people say it. */
export const ACTIONS: Record<string, string> = {
  'audit.entries.read': 'Read the log whole',
  'audit.read_own_car': 'Read a car’s audit',
  'audit.search': 'Searched the audit',
  'campaign.assign': 'Assigned a campaign',
  'campaign.change': 'Changed a campaign',
  'campaign.create': 'Created a campaign',
  'catalogue.create': 'Added a catalogue',
  'certificate.issue': 'Issued a certificate',
  'certificate.revoke': 'Revoked certificates',
  'consent.read': 'Read grants',
  'consent.write': 'Changed grants',
  'fleet.follow': 'Followed the fleet',
  'fleet.positions.read': 'Read positions',
  'session.create': 'Signed in',
  'session.end_own': 'Signed out',
  'vehicle.create': 'Registered a car',
  'vehicle.enrol': 'Enrolled cars',
  'vehicle.find_by_vin': 'Looked a VIN up',
  'vehicle.history.read': 'Read a car’s history',
  'vehicle.list': 'Listed cars',
  'vehicle.read': 'Read a car',
  'vehicle.signals.read': 'Read a car’s signals',
};

export function actionName(action: string): string {
  return ACTIONS[action] ?? action;
}

/** What it was done to, as far as it is known. */
export function resourceName({ resource }: Pick<AuditItem, 'resource'>): string {
  const { kind, id } = resource;
  if (id.value === null) return `${kind}, forgotten`;
  const count = /^count:(\d+)$/.exec(id.value)?.[1];
  if (count !== undefined) return count === '1' ? '1 car' : `${count} cars`;
  return id.value === 'unnamed' ? '' : id.value;
}

/** The day as the API takes it; nothing for what is no day. */
export function dayStart(day: string | null, plusDays = 0): string | undefined {
  const time = day ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  return Number.isNaN(time) ? undefined : new Date(time + plusDays * 86_400_000).toISOString();
}
