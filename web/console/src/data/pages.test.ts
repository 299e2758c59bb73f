import { expect, test } from 'vitest';
import { Pages } from './pages.svelte';

test('every page is reached, and the way back is kept', () => {
  const pages = new Pages();
  expect([pages.number, pages.cursor, pages.first]).toEqual([1, undefined, true]);
  pages.back();
  pages.next('a');
  pages.next('b');
  expect([pages.number, pages.cursor, pages.first]).toEqual([3, 'b', false]);
  pages.next(null);
  pages.back();
  expect([pages.number, pages.cursor]).toEqual([2, 'a']);
  pages.reset();
  expect([pages.number, pages.cursor]).toEqual([1, undefined]);
});
