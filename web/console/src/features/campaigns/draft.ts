import type { BrandSlug, CampaignDocument, CampaignGroup, LaneSlug, PurposeSlug } from '@marque/api';

/** A group as the form holds it: both ways to collect at once, so that switching loses nothing. */
export interface DraftGroup {
  key: number;
  signals: string[];
  lane: LaneSlug;
  how: 'every' | 'change';
  everyS: number;
  minIntervalS: number;
  minDelta: number | null;
  flushS: number;
}

export interface Draft {
  name: string;
  purpose: PurposeSlug;
  /** Of which its cars are; fixed once it is created. */
  brands: BrandSlug[];
  groups: DraftGroup[];
}

export function newGroup(key: number): DraftGroup {
  return {
    key,
    signals: [],
    lane: 'bulk',
    how: 'every',
    everyS: 1,
    minIntervalS: 0.5,
    minDelta: null,
    flushS: 10,
  };
}

export function newDraft(): Draft {
  return { name: '', purpose: 'fleet-management', brands: [], groups: [newGroup(0)] };
}

export function toDocument(draft: Draft): CampaignDocument {
  return {
    name: draft.name.trim(),
    purpose: draft.purpose,
    brands: draft.brands,
    groups: draft.groups.map((group): CampaignGroup => {
      const common = { signals: group.signals, lane: group.lane, flush_every_ms: ms(group.flushS) };
      return group.how === 'every'
        ? { ...common, every_ms: ms(group.everyS) }
        : { ...common, on_change: { min_interval_ms: ms(group.minIntervalS), min_delta: group.minDelta } };
    }),
  };
}

/** What is missing, in the order of the form. The platform checks again, and more. */
export function missing(draft: Draft): string[] {
  const found: string[] = [];
  if (draft.name.trim() === '') found.push('Give the campaign a name.');
  if (draft.brands.length === 0) found.push('Choose at least one brand.');
  draft.groups.forEach((group, index) => {
    const which = draft.groups.length > 1 ? ` in group ${index + 1}` : '';
    if (group.signals.length === 0) found.push(`Pick at least one signal${which}.`);
    const period = group.how === 'every' ? group.everyS : group.minIntervalS;
    if (!(period > 0) || !(group.flushS > 0)) found.push(`Times${which} must be greater than zero.`);
  });
  return found;
}

function ms(seconds: number): number {
  return Math.round(seconds * 1000);
}
