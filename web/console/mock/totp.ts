/** One-time passwords by time (RFC 6238), as the platform takes them: SHA-1, 30 seconds, six digits. */
import { createHmac } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five, 2)]).join('');
}

export function oneTimePassword(secret: string, step: number): string {
  const bits = [...secret].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const tag = createHmac('sha1', key).update(counter).digest();
  const offset = (tag.at(-1) ?? 0) & 15;
  return String((tag.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0');
}

/** The step of a password that is right now, a step earlier or later, and after the last one that counted. */
export function stepOf(secret: string, given: string, last: number, now: number): number | undefined {
  const current = stepAt(now);
  return [current - 1, current, current + 1].find(
    (step) => step > last && oneTimePassword(secret, step) === given,
  );
}

export function stepAt(now: number): number {
  return Math.floor(now / 30_000);
}
