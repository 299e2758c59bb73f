const waiting = new Set<() => void>();

/** Runs once when the live connection is made again: what failed meanwhile asks anew. */
export function whenConnected(again: () => void): void {
  waiting.add(again);
}

export function forgetConnected(again: () => void): void {
  waiting.delete(again);
}

export function connected(): void {
  const due = [...waiting];
  waiting.clear();
  for (const again of due) again();
}
