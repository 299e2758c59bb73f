import { expect, it } from 'vitest';
import { read, signedIn, useBrowser } from './browser';

useBrowser();

it('certificates are filtered by brand and state', async () => {
  const page = await signedIn('/certificates');
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

it('a car’s certificates are taken back, and a credential is drawn and void', async () => {
  const page = await signedIn('/certificates', {}, { anew: true });
  const { items } = await read<{ items: { vehicle_id: string }[] }>(
    page,
    '/v1/certificates?state=valid&limit=1',
  );
  await page.goto(`/vehicles/${items[0]?.vehicle_id}/identity`);

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
  await page.getByRole('cell', { name: 'Void' }).waitFor();
  expect(await page.getByRole('button', { name: 'Void…' }).count()).toBe(0);
});
