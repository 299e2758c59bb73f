import { expect, it } from 'vitest';
import { read, signedIn, useBrowser } from './browser';

useBrowser();

it('a campaign is written, created, assigned and followed', async () => {
  const page = await signedIn('/campaigns/new', {}, { anew: true });
  await page.getByRole('button', { name: 'Create campaign' }).click();
  await page.getByText('Give the campaign a name.').waitFor();

  const name = `End to end ${Date.now()}`;
  await page.getByLabel('Name').fill(name);
  const picker = page.getByRole('group', { name: 'Signals of group 1' });
  await picker.getByRole('searchbox').fill('vehicle.speed');
  await picker
    .getByRole('checkbox', { name: /^Speed/ })
    .first()
    .check();
  await picker.getByText('1 picked').waitFor();
  await page.getByRole('button', { name: 'Create campaign' }).click();
  await page.waitForURL(/\/campaigns\/\d+$/);
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await page.getByText('Not assigned yet').waitFor();

  const assign = page.getByRole('form', { name: 'Assign' });
  await assign.getByRole('checkbox', { name: 'Fiat', exact: true }).check({ force: true });
  await assign.getByRole('button', { name: 'Assign' }).click();
  await assign.getByText(/vehicles match/).waitFor();
  await page
    .getByText(/applied/)
    .first()
    .waitFor();

  await assign.getByRole('checkbox', { name: 'Fiat', exact: true }).uncheck({ force: true });
  await assign.getByRole('button', { name: 'Assign to every vehicle' }).click();
  const everyone = page.waitForResponse((response) => response.url().endsWith('/assignments'));
  await assign.getByRole('button', { name: 'Yes, every vehicle' }).click();
  const { matched } = (await (await everyone).json()) as { matched: number };
  const summary = await read<{ vehicles: number }>(page, '/v1/fleet/summary');
  expect(matched).toBe(summary.vehicles);

  await assign.getByLabel('Vehicle ids').fill('0'.repeat(32));
  await assign.getByRole('button', { name: 'Assign', exact: true }).click();
  await assign.getByText(`Not known: ${'0'.repeat(32)}`).waitFor();
  await assign.getByLabel('Vehicle ids').fill('');

  await assign.getByRole('checkbox', { name: 'Fiat', exact: true }).check({ force: true });
  await assign.getByRole('button', { name: 'Take out…' }).click();
  await assign.getByRole('button', { name: 'Cancel' }).click();
  await assign.getByRole('button', { name: 'Take out…' }).click();
  const taken = page.waitForResponse((response) => response.url().endsWith('/unassignments'));
  await assign.getByRole('button', { name: 'Yes, take them out' }).click();
  const { unassigned } = (await (await taken).json()) as { unassigned: number };
  expect(unassigned).toBeGreaterThan(0);
  await assign.getByText(/were taken out/).waitFor();

  await page.getByRole('button', { name: 'End campaign…' }).click();
  await page.getByRole('button', { name: 'Yes, end it' }).click();
  await page.getByText('Ended', { exact: true }).waitFor();
  await assign.waitFor({ state: 'detached' });

  await page.getByRole('main').getByRole('link', { name: 'Campaigns' }).click();
  await page.getByRole('link', { name }).waitFor();
  expect(page.url()).toMatch(/\/campaigns$/);
});

it('a campaign is found behind newer ones', async () => {
  const page = await signedIn('/campaigns', {}, { anew: true });
  const name = `Oldest ${Date.now()}`;
  await page.evaluate(
    async (names) => {
      const groups = [{ signals: ['Vehicle.Speed'], lane: 'live', every_ms: 60_000, flush_every_ms: 60_000 }];
      for (const name of names) {
        const body = JSON.stringify({ name, purpose: 'fleet-management', groups });
        await fetch('/v1/campaigns', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
      }
    },
    [name, ...Array.from({ length: 24 }, (_, index) => `Newer ${index}`)],
  );
  await page.reload();
  await page.getByRole('link', { name: 'Newer 0', exact: true }).first().waitFor();
  expect(await page.getByRole('link', { name }).count()).toBe(0);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('link', { name }).waitFor();
  await page.getByText('Page 2').waitFor();
});
