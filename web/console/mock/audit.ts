import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AuditItem } from '@marque/api';
import type { Car } from './car.ts';
import { actionOf, isRecorded } from './tables.ts';

const ORIGIN = 'marque/eu/audit';

interface Opened {
  label: string;
  salt: Buffer;
  value: string;
}

interface Logged {
  item: AuditItem;
  entry: Buffer;
  openings: Opened[];
}

/** What happened, as the platform would record it. */
export interface Happened {
  /** A person's id. */
  actor: string;
  action: string;
  kind: string;
  id: string;
  brand?: AuditItem['brand'] | undefined;
  purpose?: AuditItem['purpose'];
  outcome?: AuditItem['outcome'];
  at: number;
}

/** The platform's log: real entries, real hashes, a key of its own. */
export class Audit {
  readonly logged: Logged[] = [];
  #keys = generateKeyPairSync('ed25519');

  /** Given to whoever verifies. */
  get key(): string {
    const raw = this.#keys.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
    const bytes = Buffer.concat([Buffer.of(1), raw]);
    return `${ORIGIN}+${this.#id(bytes).toString('hex')}+${bytes.toString('base64')}`;
  }

  add({ actor: person, action, kind, id, brand, purpose, outcome, at }: Happened): void {
    const index = this.logged.length;
    const actor = commit('actor', person);
    const resource = kind === 'vehicle' || kind === 'person' ? commit('resource', id) : undefined;
    const request = randomBytes(8).toString('hex');
    const item: AuditItem = {
      index,
      at: new Date(at).toISOString(),
      actor: { kind: 'person', id: shown(actor) },
      action,
      resource: { kind, id: resource ? shown(resource) : { value: id, salt: null, commitment: null } },
      region: 'eu',
      brand: brand ?? null,
      purpose: purpose ?? null,
      outcome: outcome ?? 'allowed',
      reason: null,
      request_id: request,
      address: null,
      proof: `/v1/audit/entries/${index}/proof`,
    };
    const fields: [number, Buffer][] = [
      [0, number(1)],
      [1, number(at * 1000)],
      [2, text('person')],
      [3, bytes(actor.commitment)],
      [4, text(action)],
      [5, text(kind)],
      [6, resource ? bytes(resource.commitment) : text(id)],
      [7, text('eu')],
      [10, text(item.outcome)],
      [12, text(request)],
    ];
    const entry = Buffer.concat([
      head(5, fields.length),
      ...fields.flatMap(([key, value]) => [number(key), value]),
    ]);
    this.logged.push({ item, entry, openings: resource ? [actor.opened, resource.opened] : [actor.opened] });
  }

  /** As the platform does, for what its table says; `person` is who asked. */
  record(person: string, method: string, path: string, car?: Car): void {
    const happened = happenedIn(method, path, person, car);
    if (happened) this.add({ ...happened, actor: person, at: Date.now() });
  }

  prove(index: number, response: ServerResponse): void {
    const text = this.proof(index);
    const type = text ? 'text/plain; charset=utf-8' : 'application/problem+json';
    response.writeHead(text ? 200 : 404, { 'content-type': type });
    response.end(
      text ?? JSON.stringify({ status: 404, title: 'Not found', detail: 'There is no such entry.' }),
    );
  }

  find(query: URLSearchParams): AuditItem[] {
    const is = (key: string, value: string | null) => !query.get(key) || query.get(key) === value;
    return this.logged
      .map(({ item }) => item)
      .filter(
        (item) =>
          is('action', item.action) &&
          is('outcome', item.outcome) &&
          is('brand', item.brand) &&
          is('actor', item.actor.id.value) &&
          is('vehicle_id', item.resource.id.value) &&
          item.at >= (query.get('from') ?? '') &&
          item.at < (query.get('to') ?? '9'),
      )
      .reverse();
  }

  /** A tlog-proof; nothing when there is no such entry. */
  proof(index: number): string | undefined {
    const logged = this.logged[index];
    if (!logged) return undefined;
    const leaves = this.logged.map(({ entry }) => sha256(Buffer.of(0), entry));
    const openings = logged.openings.map(({ label, salt, value }) =>
      Buffer.concat([head(4, 3), text(label), bytes(salt), text(value)]),
    );
    const extra = Buffer.concat([head(4, 2), bytes(logged.entry), head(4, openings.length), ...openings]);
    const note = `${ORIGIN}\n${leaves.length}\n${root(leaves).toString('base64')}\n`;
    const key = Buffer.from(this.key.slice(ORIGIN.length + 10), 'base64');
    const signature = Buffer.concat([this.#id(key), sign(null, Buffer.from(note), this.#keys.privateKey)]);
    return [
      'c2sp.org/tlog-proof@v1',
      `extra ${extra.toString('base64')}`,
      `index ${index}`,
      ...path(index, leaves).map((hash) => hash.toString('base64')),
      '',
      `${note}`,
      `— ${ORIGIN} ${signature.toString('base64')}`,
      '',
    ].join('\n');
  }

  #id(key: Buffer): Buffer {
    return sha256(Buffer.from(`${ORIGIN}\n`), key).subarray(0, 4);
  }
}

function happenedIn(
  method: string,
  path: string,
  person: string,
  car?: Car,
): Omit<Happened, 'actor' | 'at'> | undefined {
  if (method === 'POST' && path === '/v1/session')
    return { action: 'session.create', kind: 'person', id: person };
  const action = actionOf(method, path);
  if (!action || !isRecorded(action)) return undefined;
  if (car) return { action, kind: 'vehicle', id: car.id, brand: car.model.brand };
  const whom = /^\/v1\/people\/([^/]+)/.exec(path)?.[1];
  if (whom) return { action, kind: 'person', id: whom };
  if (action === 'vehicle.list') return { action, kind: 'tenant', id: 'count:50' };
  return { action, kind: action.split('.')[0] ?? '', id: 'unnamed' };
}

function commit(label: string, value: string) {
  const opened: Opened = { label, salt: randomBytes(16), value };
  const commitment = sha256(opened.salt, Buffer.of(label.length), Buffer.from(label), Buffer.from(value));
  return { opened, commitment };
}

function shown({ opened, commitment }: ReturnType<typeof commit>) {
  return {
    value: opened.value,
    salt: opened.salt.toString('hex'),
    commitment: commitment.toString('hex'),
  };
}

function sha256(...parts: Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

/** RFC 6962 section 2.1: the largest power of two below the number of leaves. */
function half(leaves: Buffer[]): number {
  return 2 ** Math.floor(Math.log2(leaves.length - 1));
}

function root(leaves: Buffer[]): Buffer {
  const [first] = leaves;
  if (!first) return sha256();
  if (leaves.length === 1) return first;
  const split = half(leaves);
  return sha256(Buffer.of(1), root(leaves.slice(0, split)), root(leaves.slice(split)));
}

function path(index: number, leaves: Buffer[]): Buffer[] {
  if (leaves.length < 2) return [];
  const split = half(leaves);
  return index < split
    ? [...path(index, leaves.slice(0, split)), root(leaves.slice(split))]
    : [...path(index - split, leaves.slice(split)), root(leaves.slice(0, split))];
}

/** The head of a CBOR item (RFC 8949 section 3). */
function head(major: number, value: number): Buffer {
  if (value < 24) return Buffer.of((major << 5) | value);
  if (value < 0x100) return Buffer.of((major << 5) | 24, value);
  if (value < 0x10000) return Buffer.of((major << 5) | 25, value >> 8, value & 0xff);
  const out = Buffer.alloc(9, (major << 5) | 27);
  out.writeBigUInt64BE(BigInt(value), 1);
  return out;
}

function number(value: number): Buffer {
  return head(0, value);
}

function text(value: string): Buffer {
  return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([head(2, value.length), value]);
}
