import type { QuarantineReasonSlug } from '@marque/api';

/** Why a car's identity lets nobody in, in a few words. */
export const REASONS: Record<QuarantineReasonSlug, string> = {
  'by-hand': 'By hand',
  'second-connection': 'Two connections at once',
  'two-places': 'Connected from two places at once',
  'went-back': 'Its queue went back and on',
  forked: 'One batch had two contents',
};
