import type { AuditItem } from '@marque/api';

/** What is recorded, as people say it: what was to be done. How it ended stands beside it. */
export const ACTIONS: Record<string, string> = {
  'audit.entries.read': 'Log: read whole',
  'audit.read_own_car': 'Car’s audit: read',
  'audit.search': 'Audit: search',
  'campaign.assign': 'Campaign: assign',
  'campaign.change': 'Campaign: change',
  'campaign.create': 'Campaign: create',
  'campaign.end': 'Campaign: end',
  'campaign.unassign': 'Campaign: take from cars',
  'catalogue.create': 'Catalogue: add',
  'certificate.enrol_credential.create': 'Enrolment credential: draw',
  'certificate.enrol_credential.replace': 'Enrolment credential: replace',
  'certificate.enrol_credential.revoke': 'Enrolment credential: void',
  'certificate.issue': 'Certificate: issue',
  'certificate.revoke': 'Certificates: revoke',
  'consent.read': 'Grants: read',
  'consent.write': 'Grants: change',
  'fleet.follow': 'Fleet: follow',
  'fleet.positions.read': 'Positions: read',
  'session.create': 'Session: sign in',
  'session.end_own': 'Session: sign out',
  'vehicle.create': 'Car: register',
  'vehicle.enrol': 'Cars: enrol',
  'vehicle.find_by_vin': 'Car: find by VIN',
  'vehicle.history.read': 'Car’s history: read',
  'vehicle.list': 'Cars: list',
  'vehicle.read': 'Car: read',
  'vehicle.signals.read': 'Car’s signals: read',
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
