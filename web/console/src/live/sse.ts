/** An event of a `text/event-stream`, as the HTML standard's section 9.2 parses it. */
export interface ServerEvent {
  type: string;
  data: string;
  id: string | undefined;
}

/** Takes the stream's text in any pieces and gives the events that are complete. */
export class EventParser {
  /** How long the server asks to wait before the next attempt, if it said so. */
  retryMs: number | undefined;
  #rest = '';
  #type = '';
  #data: string[] = [];
  #id: string | undefined;

  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        const event = this.#dispatch();
        if (event) events.push(event);
      } else {
        this.#field(line);
      }
    }
    return events;
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#type = value;
    else if (name === 'data') this.#data.push(value);
    else if (name === 'id') this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(): ServerEvent | undefined {
    const event =
      this.#data.length > 0
        ? { type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id }
        : undefined;
    this.#type = '';
    this.#data = [];
    return event;
  }
}

/** Waits grow by half each time up to 30 s; the jitter keeps consoles from returning in step. */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(30_000, 500 * 1.6 ** attempt);
  return Math.round(ceiling * (0.7 + 0.3 * random));
}
