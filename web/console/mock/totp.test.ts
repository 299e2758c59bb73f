import { expect, it } from 'vitest';
import { base32, oneTimePassword, stepAt, stepOf } from './totp.ts';

const secret = base32(Buffer.from('12345678901234567890'));

it('agrees with the vectors of RFC 6238, appendix B', () => {
  expect(secret).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
  expect(oneTimePassword(secret, stepAt(59_000))).toBe('287082');
  expect(oneTimePassword(secret, stepAt(1_111_111_109_000))).toBe('081804');
});

it('a password counts once', () => {
  const step = stepAt(59_000);
  expect(stepOf(secret, '287082', 0, 59_000)).toBe(step);
  expect(stepOf(secret, '287082', step, 59_000)).toBeUndefined();
});
