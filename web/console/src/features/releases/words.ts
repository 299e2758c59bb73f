import type { OwnershipRelease, ReleaseStateSlug } from '@marque/api';

type Tone = 'good' | 'neutral' | 'bad' | 'warn';

export const STATES: Record<ReleaseStateSlug, { label: string; tone: Tone }> = {
  requested: { label: 'Requested', tone: 'warn' },
  approved: { label: 'Approved', tone: 'good' },
  objected: { label: 'Objected', tone: 'bad' },
  lapsed: { label: 'Lapsed', tone: 'neutral' },
  released: { label: 'Took effect', tone: 'neutral' },
};

export const isState = (text: string | null): text is ReleaseStateSlug => text !== null && text in STATES;

const DAY_MS = 86_400_000;

/** What happens next if nobody does anything, and when; nothing once it is over. */
export function next({ state, due_at }: Pick<OwnershipRelease, 'state' | 'due_at'>, now: number): string {
  if (state !== 'requested' && state !== 'approved') return '';
  const what = state === 'approved' ? 'takes effect' : 'lapses';
  const days = Math.ceil((Date.parse(due_at) - now) / DAY_MS);
  return days <= 0 ? `${what} now` : `${what} in ${days} ${days === 1 ? 'day' : 'days'}`;
}
