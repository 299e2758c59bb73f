import type { AuditItem } from '@marque/api';
import { shortId } from '../../format';

/** What is recorded, as people say it: what was to be done. How it ended stands beside it. */
export const ACTIONS: Record<string, string> = {
  'access_grant.create': 'Workshop access: give',
  'access_grant.end': 'Workshop access: end',
  'access_grant.list': 'Workshop access: read',
  'access_grant.list_own': 'Own workshop access: read',
  'access_grant.redeem': 'Workshop access: redeem a code',
  'account.password.change': 'Own password: change',
  'account.read': 'Own account: read',
  'account.totp.enrol': 'Own second factor: add',
  'account.totp.remove': 'Own second factor: remove',
  'account.update': 'Own account: change',
  'audit.entries.read': 'Log: read whole',
  'audit.read_own_car': 'Car’s audit: read',
  'audit.search': 'Audit: search',
  'campaign.assign': 'Campaign: assign',
  'campaign.change': 'Campaign: change',
  'campaign.create': 'Campaign: create',
  'campaign.end': 'Campaign: end',
  'campaign.unassign': 'Campaign: take from cars',
  'catalogue.create': 'Catalogue: add',
  'certificate.enrol': 'Certificate: enrol',
  'certificate.enrol_credential.create': 'Enrolment credential: draw',
  'certificate.enrol_credential.replace': 'Enrolment credential: replace',
  'certificate.enrol_credential.revoke': 'Enrolment credential: void',
  'certificate.issue': 'Certificate: issue',
  'certificate.renew': 'Certificate: renew',
  'certificate.revoke': 'Certificates: revoke',
  'consent.import': 'Grants: import simulated',
  'consent.read': 'Grants: read',
  'consent.write': 'Grants: change',
  'customer.disable': 'Customer: disable',
  'customer.enable': 'Customer: enable',
  'driver_link.accept': 'Driver: accept',
  'driver_link.create': 'Driver: invite',
  'driver_link.end': 'Driver: end',
  'fleet.follow': 'Fleet: follow',
  'fleet.positions.read': 'Positions: read',
  'fleet_membership.create': 'Fleet membership: begin',
  'fleet_membership.end': 'Fleet membership: end',
  'link.connect': 'Car: connect',
  'link.publish': 'Car: send',
  'lockout.clear': 'Lock-out: lift',
  'lockout.list': 'Lock-outs: list',
  'notice.list': 'Own notices: read',
  'organisation.create': 'Organisation: create',
  'organisation.disable': 'Organisation: disable',
  'ownership_release.approve': 'Ownership release: approve',
  'ownership_release.lapse': 'Ownership release: lapse',
  'ownership_release.list': 'Ownership releases: list',
  'ownership_release.object': 'Ownership release: object',
  'ownership_release.request': 'Ownership release: ask',
  'ownership_release.take_effect': 'Ownership release: take effect',
  'person.create': 'Person: create',
  'person.credentials.reset': 'Person’s credentials: reset',
  'person.disable': 'Person: disable',
  'person.enable': 'Person: enable',
  'person.list': 'People: list',
  'person.read': 'Person: read',
  'person.update': 'Person: change',
  'quarantine.create': 'Quarantine: begin',
  'quarantine.release': 'Quarantine: release',
  'role.assign': 'Function: give',
  'role.revoke': 'Function: take away',
  'service.create': 'Service: create',
  'service.disable': 'Service: disable',
  'service.rotate': 'Service’s token: draw',
  'service.token.renew': 'Service’s token: renew',
  'session.create': 'Session: sign in',
  'session.end': 'Another’s session: end',
  'session.end_own': 'Session: sign out',
  'session.list': 'Another’s sessions: list',
  'session.list_own': 'Own sessions: list',
  'session.step_up': 'Session: prove who it is',
  'vehicle.create': 'Car: register',
  'vehicle.enrol': 'Cars: enrol',
  'vehicle.find_by_vin': 'Car: find by VIN',
  'vehicle.history.read': 'Car’s history: read',
  'vehicle.link': 'Car: become its owner',
  'vehicle.list': 'Cars: list',
  'vehicle.location.read': 'Car’s location: read',
  'vehicle.location_history.read': 'Car’s track: read',
  'vehicle.people.read': 'Car’s people: read',
  'vehicle.read': 'Car: read',
  'vehicle.signals.read': 'Car’s signals: read',
  'vehicle.transfer.accept': 'Transfer: accept',
  'vehicle.transfer.cancel': 'Transfer: cancel',
  'vehicle.transfer.start': 'Transfer: offer',
  'vehicle.unlink': 'Car: give up',
};

export function actionName(action: string): string {
  return ACTIONS[action] ?? action;
}

/** Who did it: by what they sign in as, where that is known. */
export function actorName(
  { actor }: Pick<AuditItem, 'actor'>,
  name: (id: string) => string | undefined,
): string {
  const { kind, id } = actor;
  if (id.value === null) return `${kind}, forgotten`;
  return (kind === 'person' && name(id.value)) || shortId(id.value);
}

/** What actions give out that are not about cars. */
const COUNTED: Record<string, [one: string, many: string]> = {
  'audit.search': ['entry', 'entries'],
  'audit.read_own_car': ['entry', 'entries'],
  'ownership_release.list': ['request', 'requests'],
  'person.list': ['person', 'people'],
};

/** What it was done to, as far as it is known. */
export function resourceName({ action, resource }: Pick<AuditItem, 'action' | 'resource'>): string {
  const { kind, id } = resource;
  if (id.value === null) return `${kind}, forgotten`;
  const count = /^count:(\d+)$/.exec(id.value)?.[1];
  if (count !== undefined) {
    const [one, many] = COUNTED[action] ?? ['car', 'cars'];
    return `${count} ${count === '1' ? one : many}`;
  }
  return id.value === 'unnamed' ? '' : id.value;
}
