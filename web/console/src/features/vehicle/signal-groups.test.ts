import { describe, expect, it } from 'vitest';
import { canBeCharted, firstCharts, groupSignals, leafName, vitalsOf } from './signal-groups';

const paths = [
  'Vehicle.Powertrain.TractionBattery.StateOfCharge.Current',
  'Vehicle.Speed',
  'Vehicle.Cabin.Door.Row1.DriverSide.IsOpen',
  'Vehicle.Cabin.HVAC.AmbientAirTemperature',
];

describe('groupSignals', () => {
  it('groups by branch, the leaves of the vehicle itself first', () => {
    expect(groupSignals(paths, '').map((group) => [group.branch, group.paths.length])).toEqual([
      ['Vehicle', 1],
      ['Cabin', 2],
      ['Powertrain', 1],
    ]);
  });

  it('finds every word in any order and case', () => {
    expect(groupSignals(paths, 'open DOOR').flatMap((group) => group.paths)).toEqual([paths[2]]);
  });
});

describe('names', () => {
  it('leave out what the group says', () => {
    expect(paths.map(leafName)).toEqual([
      'TractionBattery.StateOfCharge.Current',
      'Speed',
      'Door.Row1.DriverSide.IsOpen',
      'HVAC.AmbientAirTemperature',
    ]);
  });
});

describe('what a page shows first', () => {
  const has = (path: string) => paths.includes(path);

  it('takes only what the car has', () => {
    expect(vitalsOf(has).map((vital) => vital.label)).toEqual(['Speed', 'Charge']);
    expect(firstCharts(has)).toEqual(['Vehicle.Speed', paths[0]]);
  });

  it('charts numbers and switches, not texts and lists', () => {
    expect(['float', 'boolean', 'string', 'uint8[]'].map((data_type) => canBeCharted({ data_type }))).toEqual(
      [true, true, false, false],
    );
  });
});
