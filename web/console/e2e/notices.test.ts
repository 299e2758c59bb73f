import { expect, inject, it } from 'vitest';
import { signedIn, useBrowser } from './browser';

useBrowser();

it('a notice is read and marked as that', async ({ skip }) => {
  skip(!inject('mock'), 'what the operator was told depends on what else was done');
  const page = await signedIn('/notices', {}, { anew: true });
  const unread = page.getByRole('button', { name: 'Mark as read' });
  await unread.first().waitFor();
  expect(await unread.count()).toBe(3);
  await page.getByRole('link', { name: 'Notices, 3 unread' }).waitFor();
  await page.getByText('An account was given a function').waitFor();
  await unread.first().click();
  await expect.poll(() => unread.count()).toBe(2);
  await page.getByRole('link', { name: 'Notices, 2 unread' }).waitFor();
});
