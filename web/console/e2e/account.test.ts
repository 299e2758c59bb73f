import { expect, inject, it } from 'vitest';
import { oneTimePassword, stepAt } from '../mock/totp.ts';
import { enterPassword, newPage, signedIn, useBrowser } from './browser';

useBrowser();

it('one ends a session of one’s own that is open elsewhere', async () => {
  const page = await signedIn('/account', {}, { anew: true });
  const other = await signedIn('/', {}, { anew: true });
  await page.reload();
  await page.getByText('This one').waitFor();
  await page
    .getByRole('button', { name: /^End the session of/ })
    .first()
    .click();
  await page.getByText('This one').waitFor();
  await other.goto('/account');
  await other.getByRole('heading', { name: 'Sign in to Marque' }).waitFor();
});

it('a second factor is set up, asked for, and removed', async () => {
  const page = await signedIn('/account', {}, { anew: true });
  const setUp = page.getByRole('button', { name: 'Set up' });
  await setUp.click();
  await page.getByRole('img', { name: /^QR code/ }).waitFor();
  const secret = ((await page.locator('code').textContent()) ?? '').replace(/\s/g, '');
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  const digits = page.getByLabel('The six digits that it shows');
  // The one before counts, too, since clocks are off; so the next ones are left for signing in.
  const step = stepAt(Date.now()) - 1;
  await digits.fill(oneTimePassword(secret, step - 9));
  await page.getByRole('button', { name: 'Turn it on' }).click();
  await page.getByRole('alert').waitFor();
  await digits.fill(oneTimePassword(secret, Math.max(step, stepAt(Date.now()) - 1)));
  await page.getByRole('button', { name: 'Turn it on' }).click();
  await page.getByText(/signing in takes a one-time password/).waitFor();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in to Marque' }).waitFor();
  await enterPassword(page);
  await page.getByLabel('One-time password').fill(oneTimePassword(secret, stepAt(Date.now()) + 1));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Remove…' }).click();
  await page.getByRole('button', { name: 'Yes, remove it' }).click();
  await setUp.waitFor();
});

it('a password is changed, and ends what is open elsewhere', async ({ skip }) => {
  skip(!inject('mock'), 'the operator’s password is what the other tests, and the demo, sign in with');
  const page = await newPage();
  const enter = async (password: string) => {
    await page.getByLabel('Name').fill('paolo.rossi');
    await enterPassword(page, password);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  };
  await page.goto('/account');
  await enter(inject('password'));
  const password = 'five words that nobody has';
  await page.getByLabel('New password').fill(password);
  await page.getByLabel('The same again').fill('another');
  await page.getByRole('button', { name: 'Change password' }).click();
  expect(await page.locator('input:invalid').count()).toBe(1);
  await page.getByLabel('The same again').fill(password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText(/Your password is changed/).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await enter(password);
});
