import { expect, inject, it } from 'vitest';
import { SECRET } from '../mock/seed.ts';
import { oneTimePassword, stepAt } from '../mock/totp.ts';
import { enterName, newPage, read, signedIn, useBrowser } from './browser';

useBrowser();

it('a person is created, given a function, and it is taken away', async () => {
  const page = await signedIn('/people', {}, { anew: true });
  await page.getByRole('link', { name: 'New person' }).click();
  const username = `e2e.${Date.now()}`;
  await page.getByLabel('Name to sign in with').fill(username);
  await page.getByLabel(/^Address/).fill('end@example.org');
  await page.getByRole('checkbox', { name: 'Fiat' }).check({ force: true });
  await page.getByRole('button', { name: 'Create person' }).click();
  await page.waitForURL(/\/people\/[0-9a-f]{32}$/);
  await page.getByText('None yet: the account may do nothing.').waitFor();

  await page.getByRole('button', { name: 'Give a function' }).click();
  const form = page.getByRole('form', { name: 'Give a function' });
  await form.getByLabel('Function').selectOption('support');
  await form.getByLabel('Last day, if it ends').fill('2030-01-31');
  await form.getByRole('button', { name: 'Give function' }).click();
  await page.getByText('Support is given.').waitFor();
  await page.getByRole('cell', { name: '01 Feb 2030' }).waitFor();

  await page.getByRole('button', { name: 'Take Support away' }).click();
  await page.getByRole('button', { name: 'Yes, take it away' }).click();
  await page.getByText('Support is taken away.').waitFor();

  await page.getByRole('button', { name: 'Disable…' }).click();
  await page.getByRole('button', { name: 'Yes, disable it' }).click();
  await page.getByText('The account is disabled.').waitFor();
  await page.getByRole('button', { name: 'Enable' }).click();
  await page.getByText('The account is enabled.').waitFor();

  await page.getByRole('button', { name: 'Change name and address…' }).click();
  const change = page.getByRole('form', { name: 'Change name and address' });
  await change.getByLabel('Name to sign in with').fill(`${username}.new`);
  await change.getByRole('button', { name: 'Change' }).click();
  await page.getByText('The account is changed.').waitFor();
  await page.getByRole('heading', { level: 1, name: `${username}.new` }).waitFor();

  await page.getByRole('main').getByRole('link', { name: 'People' }).click();
  await page.getByRole('searchbox').fill(username);
  await page.waitForURL(/q=e2e/);
  await page.getByRole('link', { name: `${username}.new` }).waitFor();
});

it('nobody is offered to change the own account as another', async () => {
  const page = await signedIn('/people');
  const { account } = await read<{ account: { person_id: string } }>(page, '/v1/session');
  await page.goto(`/people/${account.person_id}`);
  await page.getByText(/Nobody gives functions to the own account/).waitFor();
  expect(await page.getByRole('button', { name: /Give a function|Disable…|Reset/ }).count()).toBe(0);
});

it('the table of roles is searched', async () => {
  const page = await signedIn('/roles');
  await page.getByRole('searchbox').fill('certificate.revoke');
  await page.getByRole('rowheader', { name: /^certificate.revoke/ }).waitFor();
  expect(await page.locator('th[scope=row]').count()).toBe(1);
  await page.getByLabel('Function', { exact: true }).selectOption('operations');
  await page.getByText('No action matches').waitFor();
});

it('a service is created with a token that is shown once, and disabled', async () => {
  const page = await signedIn('/services', {}, { anew: true });
  await page.getByRole('button', { name: 'New service' }).click();
  const name = `e2e-${Date.now()}`;
  await page.getByLabel('Name').fill(name);
  await page.getByRole('checkbox', { name: /^Witness/ }).check();
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await page.getByRole('button', { name: 'Create service' }).click();
  await page.getByRole('heading', { name: `The token of ${name}` }).waitFor();
  const token = (await page.locator('code').textContent()) ?? '';
  expect(token.length).toBeGreaterThan(16);
  await page.getByRole('button', { name: 'I have it' }).click();
  expect(await page.getByText(token).count()).toBe(0);
  await page.getByRole('button', { name: `Disable ${name}` }).click();
  await page.getByRole('button', { name: 'Yes, disable it' }).click();
  await page.getByText(`${name} is disabled.`).waitFor();
});

it('what somebody may not do is not offered', async ({ skip }) => {
  skip(!inject('mock'), 'a platform has nobody but its operator whose password the tests know');
  const support = await newPage();
  await support.goto('/');
  await enterName(support, 'tom.becker');
  await support.getByRole('button', { name: 'Sign out' }).waitFor();
  const nav = support.getByRole('navigation', { name: 'Main' });
  expect(await nav.getByRole('link').allTextContents()).toEqual(
    ['Fleet', 'Vehicles', 'Identity'].map((name) => expect.stringContaining(name)),
  );
  await nav.getByRole('link', { name: 'Vehicles' }).click();
  await support.getByText('Find a car by its VIN').waitFor();
  await support.goto('/people');
  await support.getByText('None of your functions has this page').waitFor();
  await support.keyboard.press('Control+k');
  const palette = support.getByRole('dialog', { name: 'Go to' });
  await palette.getByRole('option', { name: 'Your account' }).waitFor();
  expect(await palette.getByRole('option', { name: /campaign|People|Audit/i }).count()).toBe(0);

  const administrator = await newPage();
  await administrator.goto('/');
  await enterName(administrator, 'carla.nunes');
  await administrator.getByLabel('One-time password').fill(oneTimePassword(SECRET, stepAt(Date.now())));
  await administrator.getByRole('button', { name: 'Sign in' }).click();
  await administrator.waitForURL(/\/people$/);
  await administrator.getByRole('heading', { name: 'People' }).waitFor();
});
