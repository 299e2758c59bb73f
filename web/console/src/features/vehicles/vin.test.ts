import { describe, expect, it } from 'vitest';
import { isVin, mayStandInAddress } from './vin';

describe('mayStandInAddress', () => {
  it('holds a VIN back from its ninth character on, however it is typed', () => {
    const vin = 'VF3CCHMZ0KT000123';
    for (let length = 9; length <= vin.length; length++) {
      expect(mayStandInAddress(vin.slice(0, length))).toBe(false);
      expect(mayStandInAddress(vin.slice(0, length).toLowerCase())).toBe(false);
    }
    expect(mayStandInAddress('VF3 CCHMZ0 KT0')).toBe(false);
    expect(isVin(vin)).toBe(true);
  });

  it('lets models, brands and ids through', () => {
    for (const text of [
      '208',
      'peugeot 3008',
      'Grand Cherokee',
      '9f1c6a02',
      '9f1c6a02d4e84b7f8a3d5c6e7f809112',
    ])
      expect(mayStandInAddress(text), text).toBe(true);
  });
});
