import { expect, it } from 'vitest';
import { read, signedIn, useBrowser } from './browser';

useBrowser();

it('what somebody did is found in the audit, and its proof holds', async () => {
  const page = await signedIn('/vehicles', {}, { anew: true });
  await page.goto('/audit');
  await page.getByLabel('Action', { exact: true }).selectOption('vehicle.list');
  await page.waitForURL(/action=vehicle.list/);
  const entry = page.getByRole('button', { name: 'Cars: list' }).first();
  await entry.click();
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByText('Proven', { exact: true }).waitFor();
  await page.getByText(/Who signed the checkpoint was not checked/).waitFor();

  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download the proof' }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^proof-\d+\.txt$/);

  await page.getByLabel(/public key/).fill('marque/eu/audit+00000000+AAAA');
  await page.getByRole('button', { name: 'Verify' }).click();
  await page.getByText('This key did not sign the checkpoint.').waitFor();
});

it('the entries of one car are found by its id', async () => {
  const page = await signedIn('/vehicles');
  const { items } = await read<{ items: { vehicle_id: string }[] }>(page, '/v1/vehicles?limit=1');
  const id = items[0]?.vehicle_id ?? '';
  await read(page, `/v1/vehicles/${id}`);
  await page.goto('/audit');
  await page.getByLabel(/^Vehicle id/).fill(id);
  await page.getByLabel(/^Vehicle id/).press('Enter');
  await page.waitForURL(new RegExp(id));
  await page.getByRole('button', { name: 'Car: read', exact: true }).first().click();
  await page.getByRole('link', { name: id }).waitFor();
});
