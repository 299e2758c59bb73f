import type { LeafItem } from '@marque/api';
import { expect, it } from 'vitest';
import { union } from './leaves';

const leaf = (path: string, unit: string) => ({ path, unit }) as LeafItem;

it('a catalogue that was added later adds leaves and takes none away', () => {
  const shipped = {
    created_at: '2026-01-01',
    leaves: [leaf('Vehicle.Speed', 'km/h'), leaf('Vehicle.Range', 'm')],
  };
  const added = {
    created_at: '2026-02-01',
    leaves: [leaf('Vehicle.Sparkle', '%'), leaf('Vehicle.Speed', 'mph')],
  };
  expect(union([added, shipped])).toEqual([
    leaf('Vehicle.Range', 'm'),
    leaf('Vehicle.Sparkle', '%'),
    leaf('Vehicle.Speed', 'km/h'),
  ]);
});
