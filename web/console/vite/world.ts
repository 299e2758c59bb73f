/**
 * Makes the map's ground at build time from Natural Earth (public domain, by way of `world-atlas`):
 * land, borders and a label point for every country, in one file that the map fetches when it is opened.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { MultiPolygon, Polygon, Position } from 'geojson';
import { feature } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import type { Plugin } from 'vite';

type Atlas = Topology<{ countries: GeometryCollection<{ name: string }> }>;

export interface CountryLabel {
  name: string;
  at: [number, number];
  /** Zoom from which the name has room. */
  zoom: number;
}

/** The atlas stays a topology: shared borders are written once, which halves the file. */
export interface World {
  topology: Atlas;
  labels: CountryLabel[];
}

const VIRTUAL = 'virtual:world';

export function world(): Plugin {
  const require = createRequire(import.meta.url);
  const source = readFileSync(require.resolve('world-atlas/countries-50m.json'), 'utf8');
  const text = JSON.stringify(build(JSON.parse(source) as Atlas));
  const path = `assets/world-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.json`;
  return {
    name: 'marque-world',
    resolveId: (id) => (id === VIRTUAL ? `\0${VIRTUAL}` : undefined),
    load: (id) => (id === `\0${VIRTUAL}` ? `export default ${JSON.stringify(`/${path}`)}` : undefined),
    configureServer(server) {
      server.middlewares.use(`/${path}`, (_request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(text);
      });
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: path, source: text });
    },
  };
}

function build(atlas: Atlas): World {
  const { countries: all } = atlas.objects;
  // Antarctica's ring goes around the pole, which this projection cannot show; no car is there.
  const geometries = all.geometries.filter((geometry) => nameOf(geometry.properties) !== 'Antarctica');
  const topology: Atlas = { ...atlas, objects: { countries: { ...all, geometries } } };
  const countries = feature(topology, topology.objects.countries).features;
  const labels = countries.flatMap((country): CountryLabel[] => {
    const geometry = country.geometry;
    if (geometry.type !== 'Polygon' && geometry.type !== 'MultiPolygon') return [];
    const ring = largestRing(geometry);
    const { area, centre } = measure(ring);
    const name = nameOf(country.properties);
    if (area < 0.05) return [];
    return [{ name, at: centre, zoom: round(Math.max(1, 5.4 - Math.log2(area) * 0.45), 1) }];
  });
  return { topology, labels };
}

function nameOf(properties: object | null | undefined): string {
  return properties && 'name' in properties ? String(properties.name) : '';
}

function largestRing(geometry: Polygon | MultiPolygon): Position[] {
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
  const rings = polygons.map((rings) => rings[0] ?? []);
  return rings.reduce(
    (best, ring) => (measure(ring).area > measure(best).area ? ring : best),
    rings[0] ?? [],
  );
}

/** Area in square degrees and centroid of a ring, by the shoelace formula. */
function measure(ring: Position[]): { area: number; centre: [number, number] } {
  let [twice, x, y] = [0, 0, 0];
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [x0 = 0, y0 = 0] = ring[j] ?? [];
    const [x1 = 0, y1 = 0] = ring[i] ?? [];
    const cross = x0 * y1 - x1 * y0;
    twice += cross;
    x += (x0 + x1) * cross;
    y += (y0 + y1) * cross;
  }
  if (twice === 0) return { area: 0, centre: [0, 0] };
  return { area: Math.abs(twice / 2), centre: [round(x / (3 * twice), 2), round(y / (3 * twice), 2)] };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
