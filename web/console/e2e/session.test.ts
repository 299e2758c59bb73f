import { expect, it } from 'vitest';
import { enterPassword, newPage, signedIn, useBrowser } from './browser';

useBrowser();

it('a wrong password is refused in the words of the platform', async () => {
  const page = await newPage();
  await page.goto('/');
  await enterPassword(page, 'not the password');
  const alert = page.getByRole('alert');
  await alert.waitFor();
  expect(await alert.textContent()).toMatch(
    /The sign-in was refused.*the name, the password or the one-time password is wrong/is,
  );
  expect(await page.getByLabel('Password').inputValue()).toBe('');
});

it('signing in leads to the page that was asked for, and signing out ends it', async () => {
  const page = await signedIn('/campaigns', {}, { anew: true });
  await page.getByRole('heading', { level: 1, name: 'Campaigns' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Campaigns' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in to Marque' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in to Marque' }).waitFor();
});

it('a session that ends asks for the password and keeps what was typed', async () => {
  const page = await signedIn('/campaigns/new', {}, { anew: true });
  await page.getByLabel('Name').fill('Half written');
  const signals = page.getByRole('group', { name: 'Signals of group 1' });
  await signals.getByRole('button', { name: /^Vehicle \d+$/ }).click();
  await signals.getByRole('checkbox').nth(1).check();
  await page.context().clearCookies();
  await page.getByRole('button', { name: 'Create campaign' }).click();
  await page.getByRole('heading', { name: 'Your session has ended' }).waitFor();
  await enterPassword(page);
  await page.getByRole('heading', { name: 'Your session has ended' }).waitFor({ state: 'detached' });
  expect(await page.getByLabel('Name').inputValue()).toBe('Half written');
  await page.getByText('Live', { exact: true }).first().waitFor({ state: 'attached' });
});

it('a sign-out that did not reach the platform is not shown as done', async () => {
  const page = await signedIn('/campaigns', {}, { anew: true });
  await page.route('**/v1/session', (route) => route.abort());
  await page.getByRole('button', { name: 'Sign out' }).click();
  const still = page.getByRole('alertdialog', { name: 'You are still signed in' });
  await still.waitFor();
  await page.unroute('**/v1/session');
  await still.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Sign in to Marque' }).waitFor();
});

it('a stream that is lost is said to be lost, and comes back by itself', async () => {
  const page = await newPage();
  await page.route('**/v1/fleet/events*', (route) => route.abort());
  await page.goto('/');
  await enterPassword(page);
  await page.getByText('Reconnecting').waitFor({ state: 'attached' });
  await page.unroute('**/v1/fleet/events*');
  await page.getByText('Live', { exact: true }).first().waitFor({ state: 'attached' });
});

it('figures that nothing renews are said to be old', async () => {
  const page = await newPage();
  await page.route(
    '**/v1/fleet/events*',
    (route) => route.fulfill({ contentType: 'text/event-stream', body: ': and it ends\n\n' }),
    { times: 1 },
  );
  await page.goto('/');
  await enterPassword(page);
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.route('**/v1/fleet/events*', (route) => route.abort());
  await page.getByText(/Not live: as of \d\d:\d\d:\d\d/).waitFor();
  await page.unroute('**/v1/fleet/events*');
  await page.getByText(/Not live: as of/).waitFor({ state: 'detached' });
});

it('a list that failed is read again when the platform is back', async () => {
  const page = await newPage();
  await page.route('**/v1/fleet/events*', (route) => route.abort());
  await page.route('**/v1/vehicles?*', (route) => route.abort());
  await page.goto('/vehicles');
  await enterPassword(page);
  await page.getByText('The platform cannot be reached').waitFor();
  await page.unroute('**/v1/vehicles?*');
  await page.unroute('**/v1/fleet/events*');
  await page.locator('tbody a').first().waitFor();
});

it('a platform that cannot be reached is said so, with a way to try again', async () => {
  const page = await newPage();
  await page.route('**/v1/session', (route) => route.abort());
  await page.goto('/');
  await page.getByText('The platform cannot be reached').waitFor();
  await page.unroute('**/v1/session');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Sign in to Marque' }).waitFor();
});
