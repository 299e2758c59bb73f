import { describe, expect, it } from 'vitest';
import { Problem } from './problem';

describe('Problem', () => {
  it('shows what the platform said', () => {
    const problem = Problem.of(422, {
      title: 'The campaign is incomplete',
      detail: 'Correct what is named below.',
      errors: [{ place: 'name', detail: 'Give it one.' }],
    });
    expect(problem).toMatchObject({
      status: 422,
      title: 'The campaign is incomplete',
      detail: 'Correct what is named below.',
      places: [{ place: 'name', detail: 'Give it one.' }],
    });
  });

  it('finds words of its own for an answer that is not a problem document', () => {
    expect(Problem.of(502, '<html>Bad gateway</html>').title).toBe('The platform had a problem');
    expect(Problem.of(404, undefined).title).toBe('Not found');
  });

  it('tells a connection that failed from a refusal', () => {
    expect(Problem.from(new TypeError('Failed to fetch'))).toMatchObject({
      status: 0,
      title: 'The platform cannot be reached',
    });
  });
});
