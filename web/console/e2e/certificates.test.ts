import { expect, it } from 'vitest';
import { read, signedIn, useBrowser } from './browser';

useBrowser();

it('certificates are filtered by brand and state', async () => {
  const page = await signedIn('/certificates');
  await page.getByRole('heading', { name: /^Quarantine/ }).waitFor();
  await page.getByLabel('Brand').selectOption('peugeot');
  await page.getByLabel('State').selectOption('all');
  await page.waitForURL(/brand=peugeot&state=all/);
  await page
    .getByRole('link', { name: /^Peugeot/ })
    .first()
    .waitFor();
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.waitForURL(/\/certificates$/);
});

it('a car is put into quarantine and let out, and its certificates are taken back', async () => {
  const page = await signedIn('/vehicles');
  const { items } = await read<{ items: { vehicle_id: string }[] }>(
    page,
    '/v1/vehicles?state=offline&limit=1',
  );
  await page.goto(`/vehicles/${items[0]?.vehicle_id}/identity`);
  await page.getByRole('button', { name: 'Quarantine…' }).click();
  await page.getByLabel(/^Why/).fill('Its control unit was stolen');
  await page.getByRole('button', { name: 'Quarantine', exact: true }).click();
  await page.getByText(/Its control unit was stolen\. Since/).waitFor();
  await page.getByRole('button', { name: 'Release…' }).click();
  await page.getByRole('button', { name: 'Yes, let it in' }).click();
  await page.getByText('The car may connect again.').waitFor();

  await page.getByRole('button', { name: 'Revoke…' }).click();
  await page.getByRole('button', { name: 'Yes, revoke' }).click();
  await page.getByText('One certificate is revoked.').waitFor();
  await page.getByRole('cell', { name: 'Revoked' }).waitFor();

  await page.getByRole('button', { name: 'Draw one…' }).click();
  await page.getByRole('button', { name: 'Yes, draw one' }).click();
  await page.getByRole('group', { name: 'The credential' }).getByText('Shown this once.').waitFor();
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('button', { name: 'Void…' }).click();
  await page.getByRole('button', { name: 'Yes, void it' }).click();
  await page.getByText('The credential is void.').waitFor();
  expect(await page.getByRole('button', { name: 'Void…' }).count()).toBe(0);
});
