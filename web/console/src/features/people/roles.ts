import type { ActionMeaning, Right, Roles } from '@marque/api';

/** How far a right reaches, as a word; a right that wants a fresh proof is told apart. */
export interface Reach {
  word: string;
  meaning: string;
  proof: boolean;
}

const WORDS: Record<Right['reach'], [word: string, meaning: string]> = {
  tenant: ['Brand', 'all of the brands that the function is held for'],
  linked: ['Linked', 'only cars that the account is linked to'],
  self: ['Own', 'only what is one’s own'],
};

/** The rights of each function, by action. */
export type RightsByFunction = ReadonlyMap<string, ReadonlyMap<string, Right>>;

export function rightsByFunction(functions: Roles['functions']): RightsByFunction {
  return new Map(
    functions.map((one) => [one.function, new Map(one.rights.map((right) => [right.action, right]))]),
  );
}

/** Nothing for no right. */
export function reachOf(right: Right | undefined): Reach | undefined {
  if (!right) return undefined;
  const [word, meaning] = WORDS[right.reach];
  return { word, meaning, proof: right.step_up };
}

export interface Group {
  name: string;
  actions: ActionMeaning[];
}

/** Actions of the same thing together, in the table's order: those whose name begins alike, and that some function has. */
export function groupsOf(actions: ActionMeaning[], rights: RightsByFunction, wanted: string): Group[] {
  const words = wanted.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, ActionMeaning[]>();
  for (const one of actions) {
    const text = `${one.action} ${one.meaning}`.toLowerCase();
    if (![...rights.values()].some((held) => held.has(one.action))) continue;
    if (!words.every((word) => text.includes(word))) continue;
    const group = one.action.split('.')[0] ?? '';
    groups.set(group, [...(groups.get(group) ?? []), one]);
  }
  return [...groups].map(([name, actions]) => ({ name: name.replaceAll('_', ' '), actions }));
}
