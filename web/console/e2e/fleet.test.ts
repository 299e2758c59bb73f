import { expect, it } from 'vitest';
import { signedIn, useBrowser } from './browser';

useBrowser();

it('the overview counts the fleet live, over all fourteen brands', async () => {
  const page = await signedIn('/');
  const brands = page.getByRole('region', { name: 'Brands' }).getByRole('listitem');
  await brands.nth(13).getByText(/of \d/).waitFor();
  expect(await brands.count()).toBe(14);
  const rates = page.getByRole('img', { name: 'Samples per second, last five minutes' }).locator('.line');
  const first = await rates.getAttribute('d');
  await page.waitForFunction((first) => {
    const line = document.querySelector('[aria-label^="Samples per second"] .line');
    return line && line.getAttribute('d') !== first;
  }, first);
});

it('a brand leads to its vehicles', async () => {
  const page = await signedIn('/');
  await page.getByRole('region', { name: 'Brands' }).getByRole('link', { name: /^Jeep/ }).click();
  await page.waitForURL('**/vehicles?brand=jeep');
  await page
    .getByRole('link', { name: /^Jeep / })
    .first()
    .waitFor();
});

it('the theme is chosen and stays', async () => {
  const page = await signedIn('/', { colorScheme: 'dark' });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await background();
  await page.getByRole('button', { name: 'Use the light theme' }).click();
  const light = await background();
  expect(light).not.toBe(dark);
  await page.reload();
  await page.getByRole('button', { name: 'Use the dark theme' }).waitFor();
  expect(await background()).toBe(light);
});

it('the keyboard goes anywhere', async () => {
  const page = await signedIn('/');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: /Page, brand/ }).fill('campai');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Campaigns' }).waitFor();
});

it('the map lists the cars in view and leads to one', async () => {
  const page = await signedIn('/map');
  await page.locator('.map.ready canvas').waitFor();
  const rows = page.getByRole('complementary').getByRole('listitem').getByRole('button');
  await rows.first().waitFor();
  await rows.first().click();
  await page.getByRole('region', { name: 'Chosen car' }).getByRole('link', { name: 'Open car' }).click();
  await page.getByRole('navigation', { name: 'Of this vehicle' }).waitFor();
  await page.getByRole('link', { name: 'Show on map' }).click();
  await page.getByRole('region', { name: 'Chosen car' }).waitFor();
});

it('the map filters by brand', async () => {
  const page = await signedIn('/map');
  const panel = page.getByRole('complementary');
  await panel.getByRole('listitem').getByRole('button').first().waitFor();
  await panel.getByRole('group', { name: 'Brand' }).getByRole('button', { name: /^Fiat/ }).click();
  await page.waitForFunction(() => {
    const names = [...document.querySelectorAll('aside .row .name')].map((name) => name.textContent ?? '');
    return names.length > 0 && names.every((name) => name.startsWith('Fiat'));
  });
});
