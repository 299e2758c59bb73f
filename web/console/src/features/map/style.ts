import type { FeatureCollection, MultiLineString, MultiPolygon, Position } from 'geojson';
import type { ExpressionSpecification, StyleSpecification } from 'maplibre-gl';
import { merge, mesh } from 'topojson-client';
import type {
  MultiPolygon as MultiPolygonTopology,
  Polygon as PolygonTopology,
} from 'topojson-specification';
import type { World } from '../../../vite/world';
import { CITIES } from './cities';

interface Palette {
  sea: string;
  land: string;
  coast: string;
  border: string;
  grid: string;
  country: string;
  city: string;
  halo: string;
}

const PALETTES: Record<'light' | 'dark', Palette> = {
  light: {
    sea: '#dfe5ec',
    land: '#f8f9fa',
    coast: '#c3ccd8',
    border: '#d3d9e2',
    grid: '#d3dae3',
    country: '#7b8594',
    city: '#4d5767',
    halo: '#f8f9fa',
  },
  dark: {
    sea: '#090c12',
    land: '#141923',
    coast: '#2a3344',
    border: '#262e3d',
    grid: '#10141c',
    country: '#7b879b',
    city: '#a7b1c2',
    halo: '#10141d',
  },
};

/** Ground, borders and names. Names are drawn from the page's own fonts: there is no glyph server. */
export function style(world: World, theme: 'light' | 'dark', labels: boolean): StyleSpecification {
  const colors = PALETTES[theme];
  const font = ['Inter'];
  const visible: ExpressionSpecification = ['<=', ['get', 'zoom'], ['zoom']];
  return {
    version: 8,
    sources: {
      land: { type: 'geojson', data: land(world), tolerance: 0.2 },
      borders: { type: 'geojson', data: borders(world), tolerance: 0.2 },
      grid: { type: 'geojson', data: graticule() },
      names: { type: 'geojson', data: names(world) },
    },
    layers: [
      { id: 'sea', type: 'background', paint: { 'background-color': colors.sea } },
      { id: 'grid', type: 'line', source: 'grid', paint: { 'line-color': colors.grid, 'line-width': 0.7 } },
      {
        id: 'land',
        type: 'fill',
        source: 'land',
        paint: { 'fill-color': colors.land, 'fill-antialias': true },
      },
      { id: 'coast', type: 'line', source: 'land', paint: { 'line-color': colors.coast, 'line-width': 0.8 } },
      {
        id: 'borders',
        type: 'line',
        source: 'borders',
        paint: {
          'line-color': colors.border,
          'line-width': ['interpolate', ['linear'], ['zoom'], 2, 0.6, 7, 1.4],
        },
      },
      ...(labels
        ? ([
            {
              id: 'countries',
              type: 'symbol',
              source: 'names',
              filter: ['all', ['==', ['get', 'kind'], 'country'], visible],
              maxzoom: 6.5,
              layout: {
                'text-field': ['upcase', ['get', 'name']],
                'text-font': font,
                'text-size': ['interpolate', ['linear'], ['zoom'], 2, 9, 6, 12],
                'text-letter-spacing': 0.14,
                'text-max-width': 7,
                'text-padding': 6,
              },
              paint: {
                'text-color': colors.country,
                'text-halo-color': colors.halo,
                'text-halo-width': 1,
                'text-opacity': 0.85,
              },
            },
            {
              id: 'cities',
              type: 'symbol',
              source: 'names',
              filter: ['all', ['==', ['get', 'kind'], 'city'], visible],
              layout: {
                'text-field': ['get', 'name'],
                'text-font': font,
                'text-size': ['interpolate', ['linear'], ['zoom'], 4, 11, 8, 13.5],
                'text-variable-anchor': ['top', 'bottom', 'left', 'right'],
                'text-radial-offset': 0.55,
                'text-padding': 4,
                'symbol-sort-key': ['get', 'zoom'],
              },
              paint: { 'text-color': colors.city, 'text-halo-color': colors.halo, 'text-halo-width': 1.4 },
            },
          ] as StyleSpecification['layers'])
        : []),
    ],
  };
}

function land({ topology }: World): MultiPolygon {
  const countries = topology.objects.countries.geometries.filter(
    (geometry): geometry is PolygonTopology<{ name: string }> | MultiPolygonTopology<{ name: string }> =>
      geometry.type === 'Polygon' || geometry.type === 'MultiPolygon',
  );
  const { coordinates } = merge(topology, countries);
  return { type: 'MultiPolygon', coordinates: coordinates.map((rings) => rings.map(unwrap)) };
}

function borders({ topology }: World): MultiLineString {
  const { coordinates } = mesh(topology, topology.objects.countries, (a, b) => a !== b);
  return { type: 'MultiLineString', coordinates: coordinates.map(unwrap) };
}

/**
 * Lets a line go on past 180° instead of jumping to -180°, which would draw it across the whole map. The
 * tiles wrap what is beyond the edge.
 */
function unwrap(line: Position[]): Position[] {
  let turn = 0;
  let before = line[0]?.[0] ?? 0;
  return line.map(([longitude = 0, latitude = 0]) => {
    if (longitude - before > 180) turn -= 360;
    else if (longitude - before < -180) turn += 360;
    before = longitude;
    return [longitude + turn, latitude];
  });
}

function names(world: World): FeatureCollection {
  const point = (name: string, kind: string, zoom: number, coordinates: [number, number]) => ({
    type: 'Feature' as const,
    geometry: { type: 'Point' as const, coordinates },
    properties: { name, kind, zoom },
  });
  return {
    type: 'FeatureCollection',
    features: [
      ...world.labels.map((label) => point(label.name, 'country', label.zoom, label.at)),
      ...CITIES.map(([name, latitude, longitude, zoom]) => point(name, 'city', zoom, [longitude, latitude])),
    ],
  };
}

/** Meridians and parallels each 10°, so that the sea has a scale, too. */
function graticule(): FeatureCollection {
  const lines: [number, number][][] = [];
  for (let longitude = -180; longitude <= 180; longitude += 10)
    lines.push([
      [longitude, -80],
      [longitude, 84],
    ]);
  for (let latitude = -80; latitude <= 80; latitude += 10)
    lines.push([
      [-180, latitude],
      [180, latitude],
    ]);
  return {
    type: 'FeatureCollection',
    features: [
      { type: 'Feature', properties: {}, geometry: { type: 'MultiLineString', coordinates: lines } },
    ],
  };
}
