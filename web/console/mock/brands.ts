import type { BrandSlug } from '@marque/api';

/** A few models of each brand, with the architecture that carries them. */
export interface Model {
  brand: BrandSlug;
  model: string;
  architecture: string;
  /** Share of electric cars. */
  electric: number;
  weight: number;
}

const model = (
  brand: BrandSlug,
  name: string,
  architecture: string,
  electric: number,
  weight: number,
): Model => ({
  brand,
  model: name,
  architecture,
  electric,
  weight,
});

export const BRANDS: readonly [slug: BrandSlug, name: string][] = [
  ['abarth', 'Abarth'],
  ['alfa-romeo', 'Alfa Romeo'],
  ['chrysler', 'Chrysler'],
  ['citroen', 'Citroën'],
  ['dodge', 'Dodge'],
  ['ds', 'DS Automobiles'],
  ['fiat', 'Fiat'],
  ['jeep', 'Jeep'],
  ['lancia', 'Lancia'],
  ['maserati', 'Maserati'],
  ['opel', 'Opel'],
  ['peugeot', 'Peugeot'],
  ['ram', 'Ram'],
  ['vauxhall', 'Vauxhall'],
];

export const MODELS: readonly Model[] = [
  model('abarth', '500e', 'fca-compact-us-wide', 1, 3),
  model('abarth', '600e', 'zonal', 1, 2),
  model('alfa-romeo', 'Giulia', 'fca-giorgio', 0, 5),
  model('alfa-romeo', 'Stelvio', 'fca-giorgio', 0, 5),
  model('alfa-romeo', 'Junior', 'psa-aee2010', 0.6, 3),
  model('chrysler', 'Pacifica', 'fca-pacifica', 0.3, 8),
  model('citroen', 'C3', 'psa-aee2010', 0.4, 9),
  model('citroen', 'C5 Aircross', 'psa-aee2010', 0.3, 6),
  model('citroen', 'C4 Picasso', 'psa-aee2004', 0, 3),
  model('dodge', 'Charger', 'zonal', 0.7, 5),
  model('dodge', 'Hornet', 'fca-giorgio', 0.2, 4),
  model('ds', 'DS 4', 'psa-aee2010', 0.3, 3),
  model('ds', 'N°8', 'zonal', 1, 2),
  model('fiat', '500', 'fca-compact-us-wide', 0.5, 12),
  model('fiat', 'Grande Panda', 'zonal', 0.6, 8),
  model('fiat', 'Tipo', 'fca-compact-us-wide', 0, 5),
  model('jeep', 'Compass', 'fca-compact-us-wide', 0.2, 11),
  model('jeep', 'Wrangler', 'fca-compact-us-wide', 0.2, 8),
  model('jeep', 'Avenger', 'psa-aee2010', 0.6, 6),
  model('lancia', 'Ypsilon', 'psa-aee2010', 0.5, 4),
  model('maserati', 'Grecale', 'fca-giorgio', 0.3, 3),
  model('maserati', 'GranTurismo', 'zonal', 0.5, 1),
  model('opel', 'Corsa', 'psa-aee2010', 0.4, 10),
  model('opel', 'Insignia', 'opel-gm', 0, 4),
  model('opel', 'Astra', 'psa-aee2010', 0.3, 7),
  model('peugeot', '208', 'psa-aee2010', 0.4, 13),
  model('peugeot', '3008', 'zonal', 0.6, 10),
  model('peugeot', '308', 'psa-aee2010', 0.2, 7),
  model('ram', '1500', 'ram-dt', 0.1, 11),
  model('ram', '2500', 'ram-hd', 0, 6),
  model('vauxhall', 'Corsa', 'psa-aee2010', 0.4, 8),
  model('vauxhall', 'Mokka', 'psa-aee2010', 0.5, 5),
];

type Place = [latitude: number, longitude: number, weight: number];

const EUROPE: Place[] = [
  [45.07, 7.69, 9],
  [45.46, 9.19, 8],
  [41.9, 12.5, 7],
  [40.85, 14.27, 4],
  [48.86, 2.35, 10],
  [45.76, 4.84, 5],
  [43.3, 5.4, 4],
  [47.75, 7.34, 3],
  [43.6, 1.44, 3],
  [52.52, 13.4, 6],
  [50.11, 8.68, 6],
  [48.14, 11.58, 5],
  [50.94, 6.96, 4],
  [53.55, 9.99, 3],
  [40.42, -3.7, 6],
  [41.39, 2.17, 4],
  [38.72, -9.14, 3],
  [52.37, 4.9, 4],
  [50.85, 4.35, 4],
  [47.38, 8.54, 2],
  [48.21, 16.37, 3],
  [52.23, 21.01, 3],
  [50.08, 14.44, 2],
  [59.33, 18.07, 2],
  [55.68, 12.57, 2],
];
const BRITAIN: Place[] = [
  [51.51, -0.13, 8],
  [52.49, -1.89, 5],
  [53.48, -2.24, 4],
  [55.86, -4.25, 2],
  [51.88, -0.42, 3],
  [53.32, -2.9, 3],
];
const AMERICA: Place[] = [
  [42.33, -83.05, 9],
  [41.88, -87.63, 6],
  [40.71, -74.01, 6],
  [29.76, -95.37, 6],
  [32.78, -96.8, 6],
  [34.05, -118.24, 6],
  [33.45, -112.07, 4],
  [39.74, -104.99, 4],
  [33.75, -84.39, 4],
  [25.76, -80.19, 3],
  [47.61, -122.33, 2],
  [43.65, -79.38, 4],
  [19.43, -99.13, 3],
  [36.16, -86.78, 2],
  [37.77, -122.42, 3],
  [45.5, -73.57, 2],
];

export function placesOf(brand: BrandSlug): { region: string; places: Place[] }[] {
  switch (brand) {
    case 'chrysler':
    case 'dodge':
    case 'ram':
      return [{ region: 'na', places: AMERICA }];
    case 'jeep':
      return [
        { region: 'na', places: AMERICA },
        { region: 'na', places: AMERICA },
        { region: 'eu', places: EUROPE },
      ];
    case 'vauxhall':
      return [{ region: 'uk', places: BRITAIN }];
    case 'alfa-romeo':
    case 'maserati':
      return [
        { region: 'eu', places: EUROPE },
        { region: 'eu', places: EUROPE },
        { region: 'na', places: AMERICA },
      ];
    default:
      return [{ region: 'eu', places: EUROPE }];
  }
}
