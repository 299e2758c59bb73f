/**
 * Verifies a tlog-proof (c2sp.org/tlog-proof) in the browser: what `marque audit verify --proof` does, again and
 * apart from it. Nothing here asks the platform.
 */

type Bytes = Uint8Array<ArrayBuffer>;

/** What a proof proves. */
export interface Verdict {
  index: number;
  size: number;
  origin: string;
  /** Whether the entry leads to the checkpoint's root. */
  included: boolean;
  /** Whether what is shown in the clear is what the entry commits to. */
  opened: boolean;
  signature: 'valid' | 'wrong' | 'no key' | 'unknown to this browser';
}

interface Proof {
  entry: Bytes;
  openings: { label: string; salt: Bytes; value: string }[];
  index: number;
  path: Bytes[];
  /** What the log signed. */
  note: string;
  signatures: { name: string; bytes: Bytes }[];
}

const HASH = 32;
const utf8 = new TextEncoder();

/** `key` is the log's public key as `marque audit key` prints it. */
export async function verify(text: string, key?: string): Promise<Verdict> {
  const proof = parse(text);
  const [origin = '', size = '', root = ''] = proof.note.split('\n');
  return {
    index: proof.index,
    size: Number(size),
    origin,
    included: await isIncluded(proof, Number(size), decode(root)),
    opened: await areOpened(proof),
    signature: key?.trim() ? await isSigned(proof, origin, key.trim()) : 'no key',
  };
}

function parse(text: string): Proof {
  const [head, note, signatures] = text.split('\n\n');
  const [header, extra, index, ...path] = (head ?? '').split('\n');
  if (header !== 'c2sp.org/tlog-proof@v1' || !extra?.startsWith('extra ') || !index?.startsWith('index '))
    throw new Error('This is no proof with an entry (c2sp.org/tlog-proof).');
  if (!note || !signatures) throw new Error('The proof carries no signed checkpoint.');
  const [entry, openings] = new Cbor(decode(extra.slice(6))).value() as [Bytes, [string, Bytes, string][]];
  return {
    entry,
    openings: openings.map(([label, salt, value]) => ({ label, salt, value })),
    index: Number(index.slice(6)),
    path: path.map(decode),
    note: `${note}\n`,
    signatures: signatures
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [, name = '', bytes = ''] = line.split(' ');
        return { name, bytes: decode(bytes) };
      }),
  };
}

/** RFC 9162 section 2.1.3.2. */
async function isIncluded(proof: Proof, size: number, root: Bytes): Promise<boolean> {
  if (!Number.isSafeInteger(size) || proof.index >= size) return false;
  let [node, last] = [BigInt(proof.index), BigInt(size - 1)];
  let hash = await sha256(Uint8Array.of(0), proof.entry);
  for (const sibling of proof.path) {
    if (last === 0n || sibling.length !== HASH) return false;
    if (node % 2n === 1n || node === last) {
      hash = await sha256(Uint8Array.of(1), sibling, hash);
      while (node % 2n === 0n && node !== 0n) {
        node /= 2n;
        last /= 2n;
      }
    } else hash = await sha256(Uint8Array.of(1), hash, sibling);
    node /= 2n;
    last /= 2n;
  }
  return last === 0n && same(hash, root);
}

/** Each opening is of a commitment that stands in the entry. */
async function areOpened(proof: Proof): Promise<boolean> {
  for (const { label, salt, value } of proof.openings) {
    const name = utf8.encode(label);
    const commitment = await sha256(salt, Uint8Array.of(name.length), name, utf8.encode(value));
    if (!holds(proof.entry, commitment)) return false;
  }
  return true;
}

/** c2sp.org/signed-note; Ed25519 over the text. */
async function isSigned(proof: Proof, origin: string, key: string): Promise<Verdict['signature']> {
  const [name, id, ...rest] = key.split('+');
  const bytes = decode(rest.join('+'));
  if (name !== origin || bytes.length !== 33 || bytes[0] !== 1) return 'wrong';
  const hash = await sha256(utf8.encode(`${name}\n`), bytes);
  const known = hash.slice(0, 4);
  if (hex(known) !== id) return 'wrong';
  const signature = proof.signatures.find((one) => one.name === name && same(one.bytes.slice(0, 4), known));
  if (!signature) return 'wrong';
  try {
    const publicKey = await crypto.subtle.importKey('raw', bytes.slice(1), 'Ed25519', false, ['verify']);
    const valid = await crypto.subtle.verify(
      'Ed25519',
      publicKey,
      signature.bytes.slice(4),
      utf8.encode(proof.note),
    );
    return valid ? 'valid' : 'wrong';
  } catch {
    return 'unknown to this browser';
  }
}

async function sha256(...parts: Bytes[]): Promise<Bytes> {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', all));
}

function decode(base64: string): Bytes {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function same(one: Bytes, other: Bytes): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function holds(bytes: Bytes, part: Bytes): boolean {
  for (let at = 0; at + part.length <= bytes.length; at += 1) {
    if (same(bytes.slice(at, at + part.length), part)) return true;
  }
  return false;
}

function hex(bytes: Bytes): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The lists, texts and bytes of RFC 8949 that evidence is made of. */
class Cbor {
  #at = 0;
  constructor(readonly bytes: Bytes) {}

  value(): unknown {
    const head = this.#byte();
    const length = this.#length(head & 31);
    switch (head >> 5) {
      case 2:
        return this.#take(length);
      case 3:
        return new TextDecoder().decode(this.#take(length));
      case 4:
        return Array.from({ length }, () => this.value());
      default:
        throw new Error('The proof carries something that is no entry.');
    }
  }

  #length(short: number): number {
    if (short < 24) return short;
    const width = { 24: 1, 25: 2 }[short];
    if (!width) throw new Error('The proof carries something that is too long.');
    return this.#take(width).reduce((length, byte) => length * 256 + byte, 0);
  }

  #byte(): number {
    return this.#take(1)[0] ?? 0;
  }

  #take(length: number): Bytes {
    if (this.#at + length > this.bytes.length) throw new Error('The proof ends too early.');
    this.#at += length;
    return this.bytes.slice(this.#at - length, this.#at);
  }
}
