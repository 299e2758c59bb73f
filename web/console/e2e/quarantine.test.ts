import type { Page } from 'playwright-core';
import { expect, inject, it } from 'vitest';
import { read, signedIn, useBrowser } from './browser';

useBrowser();

it('a car is put into quarantine by hand, and let out', async () => {
  const page = await signedIn('/certificates', {}, { anew: true });
  await quarantined(page);

  await page.getByRole('button', { name: 'Lift…' }).click();
  await page.getByRole('button', { name: 'Yes, lift it' }).click();
  await page.getByText('The quarantine is lifted.').waitFor();
  await page.getByRole('button', { name: 'Quarantine…' }).waitFor();
});

it('the list says why, and lifts', async () => {
  const page = await signedIn('/certificates', {}, { anew: true });
  const car = await quarantined(page);
  await page.goto('/quarantine');
  const row = page.getByRole('row').filter({ has: page.locator(`a[href="/vehicles/${car}/identity"]`) });
  expect(await row.innerText()).toContain('By hand');
  await row.getByRole('button', { name: 'Lift…' }).click();
  await page.getByRole('button', { name: 'Yes, lift it' }).click();
  await page.getByText('The quarantine is lifted.').waitFor();
  await row.waitFor({ state: 'detached' });
});

it('the list says from where an identity was used', async ({ skip }) => {
  skip(!inject('mock'), 'the cars of a demo all come from one network');
  const page = await signedIn('/quarantine', {}, { anew: true });
  const row = page.getByRole('row').filter({ hasText: 'Connected from two places at once' }).first();
  await row.waitFor();
  expect(await row.innerText()).toContain('192.0.2.0/24 and 198.51.100.0/24');
});

/** Puts a car into quarantine on its page, and says which. */
async function quarantined(page: Page): Promise<string> {
  const { items } = await read<{ items: { vehicle_id: string; quarantine: unknown }[] }>(
    page,
    '/v1/vehicles?limit=20',
  );
  const car = items.find(({ quarantine }) => quarantine === null)?.vehicle_id ?? '';
  await page.goto(`/vehicles/${car}/identity`);
  await page.getByRole('button', { name: 'Quarantine…' }).click();
  await page.getByRole('button', { name: 'Yes, quarantine it' }).click();
  await page.getByText('The car is in quarantine.').waitFor();
  await page.getByText('In quarantine', { exact: true }).waitFor();
  return car;
}
