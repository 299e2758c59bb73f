import { expect, it } from 'vitest';
import { read, signedIn, useBrowser } from './browser';

useBrowser();

it('a car is put into quarantine by hand, and let out', async () => {
  const page = await signedIn('/certificates', {}, { anew: true });
  const { items } = await read<{ items: { vehicle_id: string; quarantine: unknown }[] }>(
    page,
    '/v1/vehicles?limit=20',
  );
  const car = items.find(({ quarantine }) => quarantine === null);
  await page.goto(`/vehicles/${car?.vehicle_id}/identity`);

  await page.getByRole('button', { name: 'Quarantine…' }).click();
  await page.getByRole('button', { name: 'Yes, quarantine it' }).click();
  await page.getByText('The car is in quarantine.').waitFor();
  await page.getByText('In quarantine', { exact: true }).waitFor();

  await page.getByRole('button', { name: 'Lift…' }).click();
  await page.getByRole('button', { name: 'Yes, lift it' }).click();
  await page.getByText('The quarantine is lifted.').waitFor();
  await page.getByRole('button', { name: 'Quarantine…' }).waitFor();
});

it('the list says why and from where, and lifts', async () => {
  const page = await signedIn('/quarantine', {}, { anew: true });
  const row = page.getByRole('row').filter({ hasText: 'Connected from two places at once' }).first();
  await row.waitFor();
  expect(await row.innerText()).toContain('192.0.2.0/24 and 198.51.100.0/24');
  const name = await row.getByRole('link').innerText();
  await row.getByRole('button', { name: 'Lift…' }).click();
  await page.getByRole('button', { name: 'Yes, lift it' }).click();
  await page.getByText('The quarantine is lifted.').waitFor();
  await page.getByRole('link', { name }).waitFor({ state: 'detached' });
});
