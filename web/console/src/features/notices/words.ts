/** What a notice of each kind says. */
const KINDS: Record<string, string> = {
  'owner-linked': 'A car is yours now',
  'ownership-ended': 'Your car is not yours any more',
  offered: 'Your car is offered to a buyer',
  'driver-linked': 'Somebody drives your car from now on',
  'driver-link-ended': 'Somebody drives a car no more',
  'fleet-joined': 'A car came into the fleet',
  'fleet-left': 'A car left its fleet',
  'access-granted': 'A dealership was given access to a car',
  'access-redeemed': 'A dealership took access to a car by the code shown in it',
  'access-ended': "A dealership's access to a car was ended",
  'access-lost': 'A car that you drove or saw has changed hands',
  'release-requested': 'Somebody asks that your car is taken from you',
  'release-approved': 'A request to take a car from its owner was approved',
  'release-objected': 'The owner of a car that you asked for objected',
  'release-lapsed': 'Your request for a car is over',
  released: 'A car that you asked for has no owner any more',
  'release-waits': 'A request to take a car from its owner waits for a decision',
  'account-made': 'An account was made',
  'account-changed': 'An account was changed',
  'account-disabled': 'An account was disabled',
  'account-enabled': 'An account was enabled',
  'credentials-reset': "An account's password and second factor were voided",
  'role-given': 'An account was given a function',
  'role-ended': 'A function was taken from an account',
};

/** A kind that this console does not know yet is shown by its name. */
export const said = (kind: string): string => KINDS[kind] ?? kind;
