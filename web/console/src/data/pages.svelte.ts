/** Which page of a list is shown: the API names the next one only, so the way back is kept here. */
export class Pages {
  /** Where each page so far began; the last is the one shown. */
  #cursors = $state.raw<(string | undefined)[]>([undefined]);

  /** Where the page begins; the first one begins at the list's beginning. */
  get cursor(): string | undefined {
    return this.#cursors.at(-1);
  }

  /** Counts from 1. */
  get number(): number {
    return this.#cursors.length;
  }

  get first(): boolean {
    return this.number === 1;
  }

  /** Goes to the page that the shown one names, if it names one. */
  next(cursor: string | null | undefined): void {
    if (cursor) this.#cursors = [...this.#cursors, cursor];
  }

  back(): void {
    if (!this.first) this.#cursors = this.#cursors.slice(0, -1);
  }

  /** Another list begins at its beginning. */
  reset(): void {
    this.#cursors = [undefined];
  }
}
