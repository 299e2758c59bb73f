import type { Position } from '@marque/api';
import { resolveColor } from '../../app/colors';
import type { Paint, Rgb } from './car-layer';

export type ColorBy = 'state' | 'brand';

export interface MapFilter {
  brands: ReadonlySet<string>;
  states: ReadonlySet<string>;
}

/** Colours resolved once per theme; a position is painted thousands of times a second. */
export function makePaint(by: ColorBy, filter: MapFilter): Paint {
  const known = new Map<string, Rgb>();
  const color = (position: Position): Rgb => {
    const token = by === 'brand' ? `--brand-${position.brand}` : `--${position.state}`;
    let found = known.get(token);
    if (!found) {
      found = parse(resolveColor(token));
      known.set(token, found);
    }
    return found;
  };
  return (position) => (passes(position, filter) ? color(position) : undefined);
}

/** An empty set lets all through. */
export function passes(position: Position, filter: MapFilter): boolean {
  if (filter.brands.size > 0 && !filter.brands.has(position.brand)) return false;
  return filter.states.size === 0 || filter.states.has(position.state);
}

export function parse(color: string): Rgb {
  const [red = 128, green = 128, blue = 128] = (color.match(/[\d.]+/g) ?? []).map(Number);
  return [red / 255, green / 255, blue / 255];
}
