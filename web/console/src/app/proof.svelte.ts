import { session } from './session.svelte';

/** The question who somebody is, asked anew before what is dangerous. One at a time. */
class ProofStore {
  asked = $state(false);
  #answer: ((proven: boolean) => void) | undefined;

  /** Asks; whether it was proven. */
  ask = (): Promise<boolean> => {
    this.#answer?.(false);
    this.asked = true;
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  };

  /** Throws the problem when the platform refuses; the question stays. */
  async give(password: string, oneTimePassword: string | null): Promise<void> {
    await session.prove(password, oneTimePassword);
    this.#end(true);
  }

  cancel(): void {
    this.#end(false);
  }

  #end(proven: boolean): void {
    this.asked = false;
    this.#answer?.(proven);
    this.#answer = undefined;
  }
}

export const proof = new ProofStore();
