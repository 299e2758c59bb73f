import { describe, expect, it } from 'vitest';
import { backoffMs, EventParser } from './sse';

const text =
  'event: summary\ndata: {"a":1}\n\n: a comment\n\nid: 7\nevent: positions\ndata: one\ndata: two\n\n';

describe('EventParser', () => {
  it('gives the events of a whole text', () => {
    expect(new EventParser().push(text)).toEqual([
      { type: 'summary', data: '{"a":1}', id: undefined },
      { type: 'positions', data: 'one\ntwo', id: '7' },
    ]);
  });

  it('gives the same events however the text is cut', () => {
    const whole = new EventParser().push(text);
    for (let size = 1; size < 12; size++) {
      const parser = new EventParser();
      const events = [];
      for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
      expect(events).toEqual(whole);
    }
  });

  it('takes the line ends of Windows, also when they are cut in two', () => {
    const parser = new EventParser();
    expect([...parser.push('data: x\r'), ...parser.push('\n\r\n')]).toEqual([
      { type: 'message', data: 'x', id: undefined },
    ]);
  });

  it('keeps an event to itself until its empty line came', () => {
    expect(new EventParser().push('event: summary\ndata: half')).toEqual([]);
  });
});

describe('backoffMs', () => {
  it('grows and ends at half a minute', () => {
    const waits = [0, 1, 2, 4, 8, 30].map((attempt) => backoffMs(attempt, 1));
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(0)).toBe(500);
    expect(waits.at(-1)).toBe(30_000);
  });

  it('spreads consoles that were cut off together', () => {
    expect(backoffMs(5, 0)).toBeLessThan(backoffMs(5, 1));
    expect(backoffMs(5, 0)).toBeGreaterThan(0);
  });
});
