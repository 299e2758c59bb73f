import { expect, inject, it } from 'vitest';
import { signedIn, useBrowser } from './browser';

useBrowser();

it('a request is approved after somebody was asked', async ({ skip }) => {
  skip(!inject('mock'), 'a platform has no buyer who sits in a car');
  const page = await signedIn('/releases?state=requested', {}, { anew: true });
  const row = page.getByRole('row').filter({ hasText: 'Requested' }).first();
  await row.waitFor();
  expect(await row.innerText()).toContain('lapses in');
  const waiting = page.getByRole('row').filter({ hasText: 'Requested' });
  const before = await waiting.count();
  await row.getByRole('button', { name: 'Approve…' }).click();
  await page.getByRole('button', { name: 'Yes, approve it' }).click();
  await page.getByText('Approved. It takes effect in 14 days').waitFor();
  await expect.poll(() => waiting.count()).toBe(before - 1);

  await page.getByLabel('State').selectOption('approved');
  await page.getByText('takes effect in 14 days', { exact: true }).first().waitFor();
  expect(new URL(page.url()).searchParams.get('state')).toBe('approved');
});
