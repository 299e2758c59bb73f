import { Problem } from '@marque/api';

/** Something that a person does on a screen: whether it is under way, what became of it. One at a time. */
export class Act {
  /** The name of what is under way. */
  busy = $state<string>();
  problem = $state.raw<Problem>();
  /** What was done, to be said. */
  done = $state('');

  /** Whether it was done. What `change` gives is said. */
  async run(name: string, change: () => Promise<string | undefined>): Promise<boolean> {
    this.busy = name;
    this.problem = undefined;
    this.done = '';
    try {
      this.done = (await change()) ?? '';
      return true;
    } catch (cause) {
      this.problem = Problem.from(cause);
      return false;
    } finally {
      this.busy = undefined;
    }
  }
}
