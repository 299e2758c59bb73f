import { expect, it } from 'vitest';
import { verify } from '../src/features/audit/proof';
import { Audit } from './audit';

it('every entry is proven, with the key of the log', async () => {
  const audit = new Audit();
  for (let number = 0; number < 21; number += 1)
    audit.add({
      actor: 'ab12',
      action: 'vehicle.read',
      kind: 'vehicle',
      id: `car-${number}`,
      at: 1_763_885_730_000,
    });
  for (let index = 0; index < 21; index += 1) {
    const verdict = await verify(audit.proof(index) ?? '', audit.key);
    expect(verdict).toMatchObject({ index, size: 21, included: true, opened: true, signature: 'valid' });
  }
  expect(audit.proof(21)).toBeUndefined();
  expect(audit.find(new URLSearchParams('vehicle_id=car-3')).map((item) => item.index)).toEqual([3]);
});
