/** What the platform says of one car. */

import type { GrantSet, VehicleItem, VehicleTwinState } from '@marque/api';
import type { Car } from './car.ts';

export function vehicle(car: Car): VehicleItem {
  return {
    vehicle_id: car.id,
    brand: car.model.brand,
    model: car.model.model,
    model_year: car.year,
    architecture: car.model.architecture,
    region: car.region,
    connected: car.connected,
    last_seen_at: new Date(car.lastSeen).toISOString(),
    state: car.state,
    quarantine: car.quarantine && { since: car.quarantine.since, reason: car.quarantine.reason },
  };
}

export function state(car: Car, now: number): VehicleTwinState {
  const at = (ago: number) => new Date(now - ago).toISOString();
  return {
    desired: [
      { kind: 'campaigns', version: 7, created_at: at(9e6) },
      { kind: 'consent', version: 3, created_at: at(8e7) },
    ],
    reported: [
      { kind: 'campaigns', version: car.connected ? 7 : 6, reported_at: at(8.9e6), error: null },
      { kind: 'consent', version: 3, reported_at: at(7.9e7), error: null },
    ],
    not_available: car.electric
      ? [
          'Vehicle.Powertrain.CombustionEngine.Speed',
          'Vehicle.Powertrain.CombustionEngine.ECT',
          'Vehicle.Powertrain.FuelSystem.RelativeLevel',
        ]
      : [
          'Vehicle.Powertrain.TractionBattery.StateOfCharge.Current',
          'Vehicle.Powertrain.TractionBattery.Range',
          'Vehicle.Powertrain.ElectricMotor.Speed',
        ],
    queue: {
      batches: car.connected ? 1 : 240,
      bytes: car.connected ? 410 : 96_000,
      reported_at: at(900),
      dropped_batches: car.year < 2019 ? 50 : 0,
    },
  };
}

export function grants(car: Car, now: number): GrantSet {
  const purposes: GrantSet['grants'][number]['purpose'][] = [
    'operation',
    'fleet-management',
    'maintenance',
    'product-improvement',
  ];
  const categories: GrantSet['grants'][number]['category'][] = [
    'location',
    'driving',
    'charging',
    'diagnostics',
    'body',
    'cabin',
    'media',
    'tyres',
    'equipment',
  ];
  return {
    epoch: 3,
    grants: purposes.flatMap((purpose, p) =>
      categories.map((category, c) => ({
        purpose,
        category,
        granted:
          category === 'location'
            ? car.sharesLocation && p < 2
            : category === 'driving'
              ? car.sharesDriving
              : (p * 5 + c) % 7 !== 4,
        at: new Date(now - 8e7).toISOString(),
      })),
    ),
  };
}
