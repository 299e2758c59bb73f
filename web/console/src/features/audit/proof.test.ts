import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { verify } from './proof';

/** The proof that the Rust crate holds as golden bytes. */
const file = new URL('../../../../../crates/audit/testdata/proof.hex', import.meta.url);
const proof = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex').toString();

/** The key of the crate's tests: the seed is 32 times 1. */
function key(name = 'audit.example/eu'): string {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 1)]);
  const secret = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const raw = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32);
  const bytes = Buffer.concat([Buffer.of(1), raw]);
  const id = createHash('sha256').update(`${name}\n`).update(bytes).digest('hex').slice(0, 8);
  return `${name}+${id}+${bytes.toString('base64')}`;
}

it('proves an entry of the log', async () => {
  expect(await verify(proof, key())).toEqual({
    index: 3,
    size: 5,
    origin: 'audit.example/eu',
    included: true,
    opened: true,
    signature: 'valid',
  });
});

it('says when it was given no key', async () => {
  expect(await verify(proof)).toMatchObject({ included: true, signature: 'no key' });
});

it.each([
  ['another place', (text: string) => text.replace('index 3', 'index 2'), { included: false }],
  ['another hash', (text: string) => text.replace('CGO0', 'DGO0'), { included: false }],
  ['a hash too few', (text: string) => text.replace(/\nE7BJ.*/, ''), { included: false }],
  ['another size', (text: string) => text.replace('\n5\n', '\n6\n'), { signature: 'wrong' }],
  ['another signature', (text: string) => text.replace('AXMBl7', 'BXMBl7'), { signature: 'wrong' }],
])('refuses %s', async (_, change, verdict) => {
  expect(await verify(change(proof), key())).toMatchObject(verdict);
});

it('refuses an opening that is not the entry’s', async () => {
  const bytes = (text: string) => Buffer.from(text, 'base64');
  const extra = /extra (.*)/.exec(proof)?.[1] ?? '';
  const changed = bytes(extra);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  const verdict = await verify(proof.replace(extra, changed.toString('base64')), key());
  expect(verdict).toMatchObject({ included: true, opened: false });
});

it('refuses the key of another log', async () => {
  expect(await verify(proof, key('audit.example/us'))).toMatchObject({ signature: 'wrong' });
});

it('is told by what is no proof', async () => {
  await expect(verify('hello')).rejects.toThrow('no proof');
});
