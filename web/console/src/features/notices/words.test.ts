import { expect, it } from 'vitest';
import document from '../../../../packages/api/openapi.json';
import { said } from './words';

it('each kind that the platform describes is said in words', () => {
  const { description } = document.components.schemas.Notice.properties.kind;
  const kinds = [...description.matchAll(/`([a-z-]+)`/g)].map(([, kind]) => kind ?? '');
  expect(kinds.length).toBeGreaterThan(20);
  for (const kind of kinds) expect(said(kind), kind).not.toBe(kind);
});

it('a kind of a newer platform is shown by its name', () => {
  expect(said('car-sang')).toBe('car-sang');
});
