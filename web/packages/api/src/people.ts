/**
 * Routes of people, roles, services and cars' certificates that the API's document does not hold yet, in the shape
 * of the generated `paths`. Each of them goes from here when it stands there.
 */
import type { components, paths } from './schema';

type Schemas = components['schemas'];
type BrandSlug = Schemas['BrandSlug'];
type Time = Schemas['Time'];

/** A function's name, such as `operations`. */
export type FunctionSlug = string;
export type RealmSlug = 'staff' | 'partner' | 'customer';
export type ProfileSlug = 'factory' | 'monitoring' | 'witness' | 'simulation';
export type CertificateState = 'valid' | 'expired' | 'revoked';
export type CredentialState = 'open' | 'used' | 'expired' | 'revoked';

/** How far a function's right reaches; `no` is no right. A right that wants a fresh proof ends in `+step-up`. */
export type Cell = string;

export interface Roles {
  functions: FunctionSlug[];
  actions: { action: string; meaning: string; cells: Record<FunctionSlug, Cell> }[];
}

export interface PersonItem {
  person_id: string;
  username: string;
  name: string | null;
  realm: RealmSlug;
  enabled: boolean;
  second_factor: boolean;
  functions: Schemas['HeldFunction'][];
  created_at: Time;
  last_seen_at: Time | null;
}

export interface PersonPage {
  items: PersonItem[];
  next_cursor: string | null;
}

export interface RoleAssignment {
  assignment_id: string;
  function: FunctionSlug;
  brands: BrandSlug[];
  from: Time;
  until: Time | null;
  /** Whose gift it is: a person's id; null for the first account's. */
  created_by: string | null;
}

export interface Person extends Omit<PersonItem, 'functions'> {
  /** Where notices and one-time links go. */
  address: string | null;
  /** The brands that it was created for. */
  brands: BrandSlug[];
  created_by: string | null;
  assignments: RoleAssignment[];
}

export interface NewPerson {
  username: string;
  name: string;
  address: string;
  realm: Exclude<RealmSlug, 'customer'>;
  brands: BrandSlug[];
}

export interface NewRole {
  function: FunctionSlug;
  brands: BrandSlug[];
  until: Time | null;
}

export interface Service {
  service_id: string;
  name: string;
  profiles: ProfileSlug[];
  brands: BrandSlug[];
  enabled: boolean;
  created_at: Time;
  last_seen_at: Time | null;
  /** When its newest token ends; null once it has none. */
  token_expires_at: Time | null;
}

export interface NewService {
  name: string;
  profiles: ProfileSlug[];
  brands: BrandSlug[];
}

/** A service's token is shown this once. */
export interface ServiceToken {
  service: Service;
  token: string;
  expires_at: Time;
}

export interface Certificate {
  serial: string;
  not_before: Time;
  not_after: Time;
  state: CertificateState;
  revoked_at: Time | null;
}

export interface VehicleIdentity {
  certificates: Certificate[];
  enrolment_credentials: {
    created_at: Time;
    expires_at: Time;
    used_at: Time | null;
    state: CredentialState;
  }[];
  quarantine: { since: Time; why: string } | null;
}

export interface CertificateItem extends Certificate {
  vehicle_id: string;
  brand: BrandSlug;
}

export interface QuarantineItem {
  vehicle_id: string;
  brand: BrandSlug;
  since: Time;
  why: string;
}

export interface CertificatePage {
  items: CertificateItem[];
  next_cursor: string | null;
}

export interface QuarantinePage {
  items: QuarantineItem[];
  next_cursor: string | null;
}

interface Paged {
  limit?: number;
  cursor?: string;
}

interface Given {
  path?: Record<string, string>;
  query?: object;
  header?: object;
  body?: unknown;
}

type Part<Of extends Given, Name extends keyof Given> = Of extends Record<Name, infer T> ? T : never;

/** An operation: what is given with it, and what it answers; `undefined` is an answer without a body. */
type Operation<Of extends Given, Answer> = {
  parameters: {
    query?: Part<Of, 'query'>;
    header?: Part<Of, 'header'>;
    cookie?: never;
  } & (Of extends { path: infer Path } ? { path: Path } : { path?: never });
  responses: [Answer] extends [undefined]
    ? { 204: { headers: Record<string, unknown>; content?: never } }
    : { 200: { headers: Record<string, unknown>; content: { 'application/json': Answer } } };
} & (Of extends { body: infer Body }
  ? { requestBody: { content: { 'application/json': Body } } }
  : { requestBody?: never });

type OfPerson = { path: { person_id: string } };
type OfService = { path: { service_id: string } };
type OfVehicle = { path: { vehicle_id: string } };
type Once = { header: { 'Idempotency-Key'?: string } };

export interface PeoplePaths {
  '/v1/roles': { get: Operation<object, Roles> };
  '/v1/people': {
    get: Operation<
      { query: Paged & { q?: string; function?: FunctionSlug; brand?: BrandSlug; enabled?: boolean } },
      PersonPage
    >;
    post: Operation<{ body: NewPerson } & Once, Person>;
  };
  '/v1/people/{person_id}': { get: Operation<OfPerson, Person> };
  '/v1/people/{person_id}/disable': { post: Operation<OfPerson, undefined> };
  '/v1/people/{person_id}/enable': { post: Operation<OfPerson, undefined> };
  '/v1/people/{person_id}/credential-reset': { post: Operation<OfPerson, undefined> };
  '/v1/people/{person_id}/roles': { post: Operation<OfPerson & { body: NewRole }, RoleAssignment> };
  '/v1/people/{person_id}/roles/{assignment_id}': {
    delete: Operation<{ path: { person_id: string; assignment_id: string } }, undefined>;
  };
  '/v1/people/{person_id}/sessions': {
    get: Operation<OfPerson, Schemas['OpenSessions']>;
    delete: Operation<OfPerson, undefined>;
  };
  '/v1/people/{person_id}/sessions/{session_id}': {
    delete: Operation<{ path: { person_id: string; session_id: string } }, undefined>;
  };
  '/v1/services': {
    get: Operation<{ query: Paged }, { items: Service[]; next_cursor: string | null }>;
    post: Operation<{ body: NewService } & Once, ServiceToken>;
  };
  '/v1/services/{service_id}/tokens': { post: Operation<OfService, ServiceToken> };
  '/v1/services/{service_id}/disable': { post: Operation<OfService, undefined> };
  '/v1/certificates': {
    get: Operation<{ query: Paged & { brand?: BrandSlug; state?: CertificateState } }, CertificatePage>;
  };
  '/v1/quarantines': { get: Operation<{ query: Paged & { brand?: BrandSlug } }, QuarantinePage> };
  '/v1/vehicles/{vehicle_id}/certificates': Pick<
    paths['/v1/vehicles/{vehicle_id}/certificates'],
    'delete'
  > & { get: Operation<OfVehicle, VehicleIdentity> };
  '/v1/vehicles/{vehicle_id}/quarantine': {
    put: Operation<OfVehicle & { body: { why: string } }, undefined>;
    delete: Operation<OfVehicle, undefined>;
  };
}
