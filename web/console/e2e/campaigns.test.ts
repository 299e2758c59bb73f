import { expect, inject, it } from 'vitest';
import { enterName, newPage, read, signedIn, useBrowser } from './browser';

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
  const brands = page.getByRole('group', { name: 'Brands', exact: true });
  expect(await brands.getByRole('checkbox', { checked: false }).count()).toBe(0);
  await brands.getByRole('button', { name: 'None' }).click();
  await page.getByRole('button', { name: 'Create campaign' }).click();
  await page.getByText('Choose at least one brand.').waitFor();
  for (const brand of ['Fiat', 'Jeep'])
    await brands.getByRole('checkbox', { name: brand, exact: true }).check({ force: true });
  await page.getByRole('button', { name: 'Create campaign' }).click();
  await page.waitForURL(/\/campaigns\/\d+$/);
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await page.getByText('Not assigned yet').waitFor();

  const assign = page.getByRole('form', { name: 'Assign' });
  const offered = assign.getByRole('group', { name: 'Brands' }).getByRole('checkbox');
  expect(await offered.count()).toBe(2);
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
  type Summary = { by_brand: { brand: string; vehicles: number }[] };
  const { by_brand } = await read<Summary>(page, '/v1/fleet/summary');
  const own = by_brand.filter(({ brand }) => ['fiat', 'jeep'].includes(brand));
  expect(matched).toBe(own.reduce((sum, { vehicles }) => sum + vehicles, 0));

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
        const body = JSON.stringify({ name, purpose: 'fleet-management', brands: ['fiat'], groups });
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

it('people see the campaigns of their brands, and write them for these', async ({ skip }) => {
  skip(!inject('mock'), 'a platform has nobody but its operator whose password the tests know');
  const operator = await signedIn('/campaigns', {}, { anew: true });
  await operator.evaluate(async () => {
    const groups = [{ signals: ['Vehicle.Speed'], lane: 'live', every_ms: 60_000, flush_every_ms: 60_000 }];
    for (const [name, brands] of [
      ['Brands of some', ['opel', 'vauxhall', 'ram', 'ds', 'jeep']],
      ['Brands of others', ['ram']],
    ]) {
      const body = JSON.stringify({ name, purpose: 'fleet-management', brands, groups });
      const headers = { 'content-type': 'application/json' };
      await fetch('/v1/campaigns', { method: 'POST', headers, body });
    }
  });
  await operator.reload();
  const some = operator.getByRole('listitem').filter({ hasText: 'Brands of some' });
  await some.getByText('Ram').waitFor();
  expect(await some.innerText()).toContain('+2');

  const page = await newPage();
  await page.goto('/campaigns');
  await enterName(page, 'anna.keller');
  await page.getByRole('link', { name: 'Brands of some' }).waitFor();
  expect(await page.getByRole('link', { name: 'Brands of others' }).count()).toBe(0);
  await page.getByRole('link', { name: 'Brands of some' }).click();
  await page.getByRole('heading', { name: 'Group 1' }).waitFor();
  expect(await page.getByRole('form', { name: 'Assign' }).count()).toBe(0);
  expect(await page.getByRole('button', { name: 'End campaign…' }).count()).toBe(0);

  await page.goto('/campaigns/new');
  const brands = page.getByRole('group', { name: 'Brands', exact: true });
  await brands.getByRole('checkbox', { name: 'Opel' }).waitFor({ state: 'attached' });
  expect(await brands.getByRole('checkbox').count()).toBe(2);
});
