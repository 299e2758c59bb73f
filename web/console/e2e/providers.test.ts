import { expect, inject, it } from 'vitest';
import { accessibilityProblems, enterName, enterPassword, newPage, useBrowser } from './browser';

useBrowser();

it('a provider that cannot be reached is told, and the form is still there', async ({ skip }) => {
  skip(!inject('mock'), 'only the mock has a provider that is down');
  const page = await newPage();
  await page.goto('/campaigns');
  await page.getByRole('link', { name: 'Group sign-in' }).click();
  await page.getByRole('alert').getByText('The provider cannot be reached').waitFor();
  expect(new URL(page.url()).pathname).toBe('/sign-in');
  expect(await accessibilityProblems(page)).toEqual([]);
  await enterPassword(page);
  await page.getByRole('heading', { level: 1, name: 'Campaigns' }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/campaigns');
});

it('an account of a provider is changed there', async ({ skip }) => {
  skip(!inject('mock'), 'a platform has nobody but its operator whose password the tests know');
  const page = await newPage();
  await page.goto('/account');
  await enterName(page, 'group:eva.lind');
  await page.getByRole('heading', { name: 'Where you sign in' }).waitFor();
  expect(await page.getByRole('heading', { name: 'Second factor' }).count()).toBe(0);
  expect(await accessibilityProblems(page)).toEqual([]);
});

it.each(['//evil.example', '/..//evil.example', 'https://evil.example', '/\\evil.example', '/sign-in'])(
  'nobody is led to %s after signing in',
  async (wanted) => {
    const page = await newPage();
    await page.goto(`/sign-in?return_to=${encodeURIComponent(wanted)}`);
    await enterPassword(page);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    const at = new URL(page.url());
    expect([at.origin, at.pathname]).toEqual([new URL(inject('url')).origin, '/']);
  },
);
