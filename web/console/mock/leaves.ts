import type { LeafItem, SignalItem } from '@marque/api';
import { MODELS } from './brands.ts';
import { Car } from './car.ts';
import { Random } from './random.ts';

/** The mock's catalogue: whatever its cars can tell. */
export function leaves(): LeafItem[] {
  const random = new Random(3);
  const found = new Map<string, SignalItem>();
  for (const model of MODELS.flatMap((model) => [model, model, model, model])) {
    for (const signal of new Car(model, random, 0).signals(0)) found.set(signal.path, signal);
  }
  return [...found.values()]
    .sort((a, b) => a.path.localeCompare(b.path))
    .map((signal, index) => ({
      signal_id: index + 1,
      scale: 2,
      min: null,
      max: null,
      allowed: [],
      path: signal.path,
      kind: signal.data_type === 'boolean' ? 'actuator' : 'sensor',
      data_type: signal.data_type,
      unit: signal.unit,
      category: signal.category,
      description: `What ${signal.path.split('.').slice(1).join(' ')} says now.`,
    }));
}
