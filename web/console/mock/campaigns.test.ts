import type { BrandSlug, Campaign, CampaignDocument, CampaignItem, CampaignStatus } from '@marque/api';
import { describe, expect, it } from 'vitest';
import { BRANDS } from './brands.ts';
import type { Call } from './call.ts';
import { Refusal } from './call.ts';
import { campaigns } from './campaigns.ts';
import { Fleet } from './fleet.ts';

const ALL = BRANDS.map(([slug]) => slug);
const DOCUMENT: CampaignDocument = {
  name: 'Brakes',
  purpose: 'maintenance',
  brands: ['opel', 'vauxhall'],
  groups: [{ signals: ['Vehicle.Speed'], lane: 'live', every_ms: 1000, flush_every_ms: 1000 }],
};

/** What people of these brands are answered; a refusal as its kind and its place. */
function platform() {
  const fleet = new Fleet(280, 0);
  return (brands: BrandSlug[], route: string, body?: unknown): unknown => {
    const [method = '', path = ''] = route.split(' ');
    const found = campaigns(fleet, () => brands).find(([m, pattern]) => m === method && pattern.test(path));
    if (!found) throw new Error(`no ${route}`);
    const parts = found[1].exec(path) ?? [];
    const call = { query: new URLSearchParams(), body, now: 100_000, part: (i: number) => parts[i] ?? '' };
    try {
      return found[2](call as Call);
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause;
      return [cause.kind, ...(cause.errors ?? []).map(({ place }) => place)].join(' ');
    }
  };
}

describe('campaigns of brands', () => {
  it('none is created without a brand, or with one that is not held', () => {
    const ask = platform();
    for (const brands of [undefined, []])
      expect(ask(ALL, 'POST /v1/campaigns', { ...DOCUMENT, brands })).toBe('unprocessable brands');
    expect(ask(['opel'], 'POST /v1/campaigns', DOCUMENT)).toBe('forbidden');
  });

  it('an assignment stays within the brands', () => {
    const ask = platform();
    const { campaign_id: id } = ask(ALL, 'POST /v1/campaigns', DOCUMENT) as Campaign;
    const path = `POST /v1/campaigns/${id}/assignments`;
    expect(ask(ALL, path, { brands: ['opel', 'fiat'] })).toBe('unprocessable brands');
    expect(ask(['opel'], path, { brands: ['opel'] })).toBe('forbidden');
    const { matched } = ask(ALL, path, { regions: ['eu', 'uk', 'na'] }) as { matched: number };
    const { vehicles } = new Fleet(280, 0).summary(0);
    expect(matched).toBeGreaterThan(0);
    expect(matched).toBeLessThan(vehicles);
  });

  it('everybody sees those of the own brands, and counts of the own cars', () => {
    const ask = platform();
    const { campaign_id: id } = ask(ALL, 'POST /v1/campaigns', DOCUMENT) as Campaign;
    ask(ALL, `POST /v1/campaigns/${id}/assignments`, { brands: ['opel', 'vauxhall'] });
    const names = (brands: BrandSlug[]) =>
      (ask(brands, 'GET /v1/campaigns') as { items: CampaignItem[] }).items.map(({ name }) => name);
    expect(names(['ram'])).toEqual(['Fleet basics']);
    expect(names(['vauxhall'])).toEqual(['Brakes', 'Fleet basics']);
    expect(ask(['ram'], `GET /v1/campaigns/${id}`)).toBe('not-found');
    expect(ask(['ram'], `GET /v1/campaigns/${id}/status`)).toBe('not-found');

    const counts = [['opel'], ['vauxhall'], ALL].map((brands) => {
      const { assigned } = ask(brands as BrandSlug[], `GET /v1/campaigns/${id}/status`) as CampaignStatus;
      expect((ask(brands as BrandSlug[], `GET /v1/campaigns/${id}`) as Campaign).assigned).toBe(assigned);
      return assigned;
    });
    const [opel = 0, vauxhall = 0, both] = counts;
    expect(Math.min(opel, vauxhall)).toBeGreaterThan(0);
    expect(opel + vauxhall).toBe(both);
  });
});
