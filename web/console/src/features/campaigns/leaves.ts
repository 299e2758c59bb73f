import type { LeafItem } from '@marque/api';

/** The leaves of all catalogues by path, as campaigns may name them; the oldest catalogue's counts. */
export function union(catalogues: { created_at: string; leaves: LeafItem[] }[]): LeafItem[] {
  const oldest = [...catalogues].sort((a, b) => a.created_at.localeCompare(b.created_at));
  const found = new Map<string, LeafItem>();
  for (const leaf of oldest.flatMap(({ leaves }) => leaves))
    if (!found.has(leaf.path)) found.set(leaf.path, leaf);
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
