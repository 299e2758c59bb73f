import type { CampaignGroup } from '@marque/api';
import { digits, duration } from '../../format';

/** How a group collects, in a sentence. */
export function describeGroup(group: CampaignGroup): string {
  const flush = `sent each ${duration(group.flush_every_ms)}`;
  if (group.on_change) {
    const delta = group.on_change.min_delta;
    const by = delta ? ` by ${digits(delta)} or more` : '';
    return `On change${by}, at most each ${duration(group.on_change.min_interval_ms)}, ${flush}`;
  }
  return `Each ${duration(group.every_ms ?? 0)}, ${flush}`;
}
