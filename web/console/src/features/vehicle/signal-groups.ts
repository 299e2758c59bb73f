import type { SignalItem } from '@marque/api';

export interface SignalGroup {
  branch: string;
  paths: string[];
}

/** The branch below `Vehicle` that a signal hangs on; leaves directly below it form one of their own. */
export function branchOf(path: string): string {
  const parts = path.split('.');
  return parts.length > 2 ? (parts[1] ?? 'Vehicle') : 'Vehicle';
}

/** The path without what its group already says. */
export function leafName(path: string): string {
  const parts = path.split('.');
  return parts.slice(parts.length > 2 ? 2 : 1).join('.');
}

/** The last words of a path, enough to tell charts apart. */
export function shortName(path: string): string {
  return path
    .split('.')
    .slice(-2)
    .filter((part) => part !== 'Vehicle')
    .join(' · ');
}

/** Groups in alphabetical order, the vehicle's own leaves first. Every word of `search` must occur. */
export function groupSignals(paths: Iterable<string>, search: string): SignalGroup[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, string[]>();
  for (const path of paths) {
    const lower = path.toLowerCase();
    if (!words.every((word) => lower.includes(word))) continue;
    const branch = branchOf(path);
    const group = groups.get(branch);
    if (group) group.push(path);
    else groups.set(branch, [path]);
  }
  return [...groups]
    .map(([branch, paths]) => ({ branch, paths: paths.sort() }))
    .sort(
      (a, b) =>
        Number(b.branch === 'Vehicle') - Number(a.branch === 'Vehicle') || a.branch.localeCompare(b.branch),
    );
}

export function canBeCharted(signal: Pick<SignalItem, 'data_type'>): boolean {
  return signal.data_type !== 'string' && !signal.data_type.endsWith('[]');
}

interface Vital {
  label: string;
  paths: string[];
}

/** What people look at first. Each takes the first path that the car has. */
const VITALS: Vital[] = [
  { label: 'Speed', paths: ['Vehicle.Speed'] },
  {
    label: 'Charge',
    paths: [
      'Vehicle.Powertrain.TractionBattery.StateOfCharge.Displayed',
      'Vehicle.Powertrain.TractionBattery.StateOfCharge.Current',
    ],
  },
  { label: 'Fuel', paths: ['Vehicle.Powertrain.FuelSystem.RelativeLevel'] },
  {
    label: 'Range',
    paths: [
      'Vehicle.Powertrain.Range',
      'Vehicle.Powertrain.TractionBattery.Range',
      'Vehicle.Powertrain.FuelSystem.Range',
    ],
  },
  { label: 'Engine', paths: ['Vehicle.Powertrain.CombustionEngine.Speed'] },
  { label: 'Motor', paths: ['Vehicle.Powertrain.ElectricMotor.Speed'] },
  {
    label: 'Coolant',
    paths: [
      'Vehicle.Powertrain.CombustionEngine.ECT',
      'Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature',
    ],
  },
  {
    label: 'Battery',
    paths: [
      'Vehicle.Powertrain.TractionBattery.Temperature.Average',
      'Vehicle.Powertrain.TractionBattery.CurrentVoltage',
    ],
  },
  { label: 'Outside', paths: ['Vehicle.Exterior.AirTemperature'] },
  { label: 'Odometer', paths: ['Vehicle.TraveledDistance'] },
];

export function vitalsOf(has: (path: string) => boolean): { label: string; path: string }[] {
  return VITALS.flatMap(({ label, paths }) => {
    const path = paths.find(has);
    return path ? [{ label, path }] : [];
  });
}

/** What a car's page charts before anyone chose. */
export function firstCharts(has: (path: string) => boolean): string[] {
  return vitalsOf(has)
    .filter((vital) => vital.label !== 'Odometer' && vital.label !== 'Outside' && vital.label !== 'Range')
    .map((vital) => vital.path)
    .slice(0, 3);
}
