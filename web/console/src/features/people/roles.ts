import type { Roles } from '@marque/api';

/** How far a right reaches, as a word; a right that wants a fresh proof is told apart. */
export interface Reach {
  word: string;
  meaning: string;
  proof: boolean;
}

const WORDS: Record<string, [word: string, meaning: string]> = {
  tenant: ['Brand', 'all of the brands that the function is held for'],
  linked: ['Linked', 'only cars that the account is linked to'],
  self: ['Own', 'only what is one’s own'],
};

/** Nothing for no right. */
export function reachOf(cell: string | undefined): Reach | undefined {
  if (!cell || cell === 'no') return undefined;
  const [kind = '', ...more] = cell.split('+');
  const [word, meaning] = WORDS[kind] ?? [kind, kind];
  return { word, meaning, proof: more.includes('step-up') };
}

export interface Group {
  name: string;
  actions: Roles['actions'];
}

/** Actions of the same thing together, in the table's order: those whose name begins alike. */
export function groupsOf(actions: Roles['actions'], wanted: string, name: string | undefined): Group[] {
  const words = wanted.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, Roles['actions']>();
  for (const one of actions) {
    const text = `${one.action} ${one.meaning}`.toLowerCase();
    if (name && !reachOf(one.cells[name])) continue;
    if (!words.every((word) => text.includes(word))) continue;
    const group = one.action.split('.')[0] ?? '';
    groups.set(group, [...(groups.get(group) ?? []), one]);
  }
  return [...groups].map(([name, actions]) => ({ name: name.replaceAll('_', ' '), actions }));
}
