import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { accessibilityProblems, movingVehicle, newPage, read, SIZES, signedIn, useBrowser } from './browser';

useBrowser();

/** Every screen, and what shows that it is complete. */
const SCREENS: [name: string, path: string, complete: string][] = [
  ['fleet', '/', 'a.tile'],
  ['map', '/map', '.map.ready'],
  ['vehicles', '/vehicles', 'tbody a'],
  ['car', '/vehicles/:id', 'figure canvas'],
  ['state', '/vehicles/:id/state', '#gaps'],
  ['privacy', '/vehicles/:id/privacy', '#grants'],
  ['campaigns', '/campaigns', 'main .card'],
  ['audit', '/audit', 'tbody button'],
  ['identity', '/vehicles/:id/identity', '#credentials'],
  ['account', '/account', 'tbody'],
  ['people', '/people', 'tbody a'],
  ['person', '/people/:self', '#functions'],
  ['new person', '/people/new', 'fieldset label'],
  ['roles', '/roles', 'tbody'],
  ['services', '/services', 'main h1'],
  ['certificates', '/certificates', 'main .card'],
  ['quarantine', '/quarantine', 'main .card'],
  ['releases', '/releases', 'main .card'],
  ['notices', '/notices', 'main .card'],
  ['new campaign', '/campaigns/new', 'fieldset .branch'],
];

/** Of a car that drives, and of whoever is signed in. */
async function addresses(page: Page): Promise<(path: string) => string> {
  const id = await movingVehicle(page);
  const { account } = await read<{ account: { person_id: string } }>(page, '/v1/session');
  return (path) => path.replace(':id', id).replace(':self', account.person_id);
}

describe.each(['light', 'dark'] as const)('in the %s theme', (colorScheme) => {
  it('no screen has a problem that axe can find', async () => {
    const page = await newPage({ colorScheme, reducedMotion: 'reduce' });
    await page.goto('/');
    await page.getByLabel('Password').waitFor();
    const found: Record<string, string[]> = { 'sign in': await accessibilityProblems(page) };
    await page.context().close();

    const inside = await signedIn('/vehicles', { colorScheme, reducedMotion: 'reduce' });
    const at = await addresses(inside);
    for (const [name, path, complete] of SCREENS) {
      await inside.goto(at(path));
      await inside.locator(complete).first().waitFor();
      found[name] = await accessibilityProblems(inside);
    }
    const problems = Object.entries(found).flatMap(([name, list]) => list.map((text) => `${name}: ${text}`));
    expect(problems).toEqual([]);
  });
});

it.each(Object.entries(SIZES))('nothing is wider than a %s', async (_, viewport) => {
  const page = await signedIn('/vehicles', { viewport });
  const at = await addresses(page);
  const wider: string[] = [];
  for (const [name, path, complete] of SCREENS) {
    await page.goto(at(path));
    await page.locator(complete).first().waitFor();
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    if ((content ?? 0) > (window ?? 0)) wider.push(`${name}: ${content} px`);
  }
  expect(wider).toEqual([]);
});
