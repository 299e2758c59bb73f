import { expect, inject, it } from 'vitest';
import { SECRET } from '../mock/seed.ts';
import { oneTimePassword, stepAt } from '../mock/totp.ts';
import { enterName, enterPassword, newPage, signedIn, useBrowser } from './browser';

useBrowser();

const REFUSAL = {
  status: 403,
  contentType: 'application/problem+json',
  body: JSON.stringify({
    type: 'urn:marque:problem:step-up-required',
    title: 'Prove again who you are',
    status: 403,
    detail: 'prove again who you are by POST /v1/session/step-up',
  }),
};

it('a second factor is asked for, and what was typed is kept', async ({ skip }) => {
  skip(!inject('mock'), 'a platform has nobody but its operator whose password the tests know');
  const page = await newPage();
  await page.goto('/account');
  await enterName(page, 'mira.santos');
  const digits = page.getByLabel('One-time password');
  await digits.waitFor();
  expect(await digits.evaluate((field) => field === document.activeElement)).toBe(true);
  expect(await digits.getAttribute('autocomplete')).toBe('one-time-code');
  await digits.fill('000000');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('The sign-in was refused').waitFor();
  expect(await page.getByLabel('Name').inputValue()).toBe('mira.santos');
  expect(await page.getByLabel('Password', { exact: true }).inputValue()).toBe(inject('password'));
  await digits.fill(oneTimePassword(SECRET, stepAt(Date.now())));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
});

it('what wants a proof asks for it once, and is then done by itself', async () => {
  const page = await signedIn('/campaigns/new', {}, { anew: true });
  const name = `Proven ${Date.now()}`;
  await page.getByLabel('Name').fill(name);
  const signals = page.getByRole('group', { name: 'Signals of group 1' });
  await signals.getByRole('button', { name: /^Vehicle \d+$/ }).click();
  await signals.getByRole('checkbox').nth(1).check();
  const keys: (string | undefined)[] = [];
  let refused = 0;
  await page.route('**/v1/campaigns', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    refused += 1;
    if (refused < 3) await route.fulfill(REFUSAL);
    else await route.continue();
  });
  const dialog = page.getByRole('dialog', { name: 'Prove it is you' });

  await page.getByRole('button', { name: 'Create campaign' }).click();
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('alert').getByText('Prove again who you are', { exact: true }).waitFor();

  await page.getByRole('button', { name: 'Create campaign' }).click();
  await dialog.getByLabel('Password').fill('not the password');
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await dialog.getByText('The sign-in was refused').waitFor();
  await dialog.getByLabel('Password').fill(inject('password'));
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

it('a session that ends while a proof is asked for asks to sign in', async () => {
  const page = await signedIn('/campaigns/new', {}, { anew: true });
  await page.getByLabel('Name').fill('Half written');
  const signals = page.getByRole('group', { name: 'Signals of group 1' });
  await signals.getByRole('button', { name: /^Vehicle \d+$/ }).click();
  await signals.getByRole('checkbox').nth(1).check();
  await page.route('**/v1/campaigns', (route) => route.fulfill(REFUSAL), { times: 1 });
  await page.getByRole('button', { name: 'Create campaign' }).click();
  const dialog = page.getByRole('dialog', { name: 'Prove it is you' });
  await dialog.waitFor();
  await page.context().clearCookies();
  await dialog.getByLabel('Password').fill(inject('password'));
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Your session has ended' }).waitFor();
  await enterPassword(page);
  await page.getByRole('heading', { name: 'Your session has ended' }).waitFor({ state: 'detached' });
  expect(await page.getByLabel('Name').inputValue()).toBe('Half written');
});
