/** Web Mercator as MapLibre counts it: the world is 0 to 1, y grows to the south. */
export function mercatorX(longitude: number): number {
  return (180 + longitude) / 360;
}

export function mercatorY(latitude: number): number {
  const sine = Math.sin((latitude * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

export function lerp(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

export interface Bounds {
  west: number;
  south: number;
  east: number;
  north: number;
}

/**
 * What to show at first: where most cars are. A few far away don't shrink the rest to a point, so the
 * outermost hundredth on each side is left out.
 */
export function boundsOf(places: Iterable<{ latitude: number; longitude: number }>): Bounds | undefined {
  const longitudes: number[] = [];
  const latitudes: number[] = [];
  for (const place of places) {
    longitudes.push(place.longitude);
    latitudes.push(place.latitude);
  }
  if (longitudes.length === 0) return undefined;
  longitudes.sort((a, b) => a - b);
  latitudes.sort((a, b) => a - b);
  const at = (list: number[], share: number) => list[Math.round((list.length - 1) * share)] ?? 0;
  return {
    west: at(longitudes, 0.01),
    south: at(latitudes, 0.01),
    east: at(longitudes, 0.99),
    north: at(latitudes, 0.99),
  };
}
