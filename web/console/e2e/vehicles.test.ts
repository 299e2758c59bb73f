import { expect, inject, it } from 'vitest';
import { enterName, movingVehicle, newPage, read, signedIn, useBrowser } from './browser';

useBrowser();

it('the list is filtered, and says so in the address', async () => {
  const page = await signedIn('/vehicles');
  await page.getByLabel('Brand').selectOption('peugeot');
  await page.waitForURL('**/vehicles?brand=peugeot');
  await page.waitForFunction(() => {
    const names = [...document.querySelectorAll('tbody a')].map((link) => link.textContent ?? '');
    return names.length > 0 && names.every((name) => name.startsWith('Peugeot'));
  });
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.waitForURL(/\/vehicles$/);
});

it('the keyboard chooses, opens and comes back', async () => {
  const page = await signedIn('/vehicles');
  await page.locator('tbody a').first().waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('j');
  const second = await page.locator('tbody a').nth(1).getAttribute('href');
  expect(await page.evaluate(() => document.activeElement?.getAttribute('href'))).toBe(second);
  await page.keyboard.press('Enter');
  await page.waitForURL(`**${second}`);
  await page.goBack();
  await page.keyboard.press('/');
  expect(await page.evaluate(() => document.activeElement?.getAttribute('type'))).toBe('search');
});

it('pages follow each other and come back', async () => {
  const page = await signedIn('/vehicles');
  await page.locator('tbody a').first().waitFor();
  const { next_cursor } = await read<{ next_cursor: string | null }>(page, '/v1/vehicles?limit=50');
  const next = page.getByRole('button', { name: 'Next' });
  if (!next_cursor) {
    expect(await next.isDisabled()).toBe(true);
    return;
  }
  const first = await page.locator('tbody a').first().getAttribute('href');
  await next.click();
  await page.waitForFunction(
    (first) => document.querySelector('tbody a')?.getAttribute('href') !== first,
    first,
  );
  await page.getByRole('button', { name: 'Back' }).click();
  await page.waitForFunction(
    (first) => document.querySelector('tbody a')?.getAttribute('href') === first,
    first,
  );
});

it('a page that is still loading is not turned again', async () => {
  const page = await signedIn('/vehicles');
  await page.locator('tbody a').first().waitFor();
  const { next_cursor } = await read<{ next_cursor: string | null }>(page, '/v1/vehicles?limit=50');
  if (!next_cursor) return;
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/v1/vehicles?*cursor=*', async (route) => {
    await held;
    await route.continue();
  });
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  release();
  await page.locator('[aria-busy="false"] tbody a').first().waitFor();
  expect(await page.getByText(/^Page \d+$/).textContent()).toBe('Page 2');
});

it('a VIN is looked up without standing in any address, however slowly it is typed', async () => {
  const page = await signedIn('/vehicles');
  const addresses: string[] = [];
  page.on('request', (request) => addresses.push(request.url()));
  const vin = 'VR3ZZZAAAZZ000000';
  const told = () => [page.url(), ...addresses].filter((address) => address.includes(vin.slice(0, 9)));
  await page.getByRole('searchbox').pressSequentially(vin, { delay: 260 });
  await page.getByText('No vehicle has this VIN').waitFor();
  expect(told()).toEqual([]);
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: /Page, brand/ }).pressSequentially(vin, { delay: 200 });
  await page.getByText('Nothing found.').waitFor();
  expect(told()).toEqual([]);
});

it('what an owner withdraws leaves the screen at once', async ({ skip }) => {
  skip(!inject('mock'), 'NOT TESTED over a platform: it has no owner yet whose account the tests could use');
  const owner = await newPage();
  await owner.goto('/');
  await enterName(owner, 'julie.martin');
  await owner.getByRole('button', { name: 'Sign out' }).waitFor();
  const page = await signedIn('/vehicles');
  type Positions = { items: { vehicle_id: string }[] };
  let id = '';
  await expect
    .poll(
      async () => {
        id = (await read<Positions>(page, '/v1/fleet/positions')).items[0]?.vehicle_id ?? '';
        return id;
      },
      { timeout: 30_000 },
    )
    .not.toBe('');
  await page.goto(`/vehicles/${id}`);
  const latitude = page.locator('th[title="Vehicle.CurrentLocation.Latitude"]');
  await latitude.waitFor();
  const put = (grants: unknown) =>
    owner.evaluate(
      async ([path, grants]) => {
        const headers = { 'content-type': 'application/json' };
        return (await fetch(path, { method: 'PUT', headers, body: JSON.stringify({ grants }) })).status;
      },
      [`/v1/vehicles/${id}/grants`, grants] as const,
    );
  type Grants = { grants: { purpose: string; category: string; granted: boolean; at?: string }[] };
  const { grants } = await read<Grants>(page, `/v1/vehicles/${id}/grants`);
  const said = grants.map(({ purpose, category, granted }) => ({ purpose, category, granted }));
  expect(await put(said.filter(({ category }) => category !== 'location'))).toBe(200);
  await latitude.waitFor({ state: 'detached' });
  await page.getByText(/^Withheld, since not granted/).waitFor();
  expect(await put(said)).toBe(200);
  await latitude.waitFor();
});

it('a car shows its signals live and draws their history', async () => {
  const page = await signedIn('/vehicles');
  const id = await movingVehicle(page);
  await page.goto(`/vehicles/${id}`);
  await page.getByRole('heading', { name: /^Signals/ }).waitFor();
  await page.locator('figure canvas').first().waitFor();
  const speed = page
    .locator('tr', { has: page.locator('th[title="Vehicle.Speed"]') })
    .locator('td')
    .first();
  const before = await speed.textContent();
  await page.waitForFunction((before) => {
    const cell = document.querySelector('th[title="Vehicle.Speed"]')?.nextElementSibling;
    return cell ? cell.textContent !== before : false;
  }, before);
  const drawn = await page.locator('figure').count();
  await page
    .getByRole('button', { name: /^Chart / })
    .and(page.locator('[aria-pressed="false"]'))
    .first()
    .click();
  await page.waitForFunction((drawn) => document.querySelectorAll('figure').length === drawn + 1, drawn);
  await page.getByRole('radio', { name: '1 h' }).check({ force: true });
  await page.getByText(/^One point each/).waitFor();
});

it('a car shows what is desired of it, what it reports and what its owner grants', async () => {
  const page = await signedIn('/vehicles');
  const id = await movingVehicle(page);
  await page.goto(`/vehicles/${id}/state`);
  await page.getByRole('heading', { name: 'Desired and reported' }).waitFor();
  await page.getByRole('rowheader', { name: 'Campaigns' }).waitFor();
  await page.getByRole('heading', { name: 'Gaps' }).waitFor();
  await page.getByRole('link', { name: 'Privacy' }).click();
  await page.waitForURL(`**/vehicles/${id}/privacy`);
  await page.getByText(/Nobody else can change it/).waitFor();
  await page.getByRole('heading', { name: 'Grants' }).waitFor();
});

it('a car that is not there is said so, and nothing else is shown', async () => {
  const page = await signedIn('/vehicles/00000000000000000000000000000000');
  await page.getByRole('alert').getByText('There is no such vehicle').waitFor();
  expect(await page.getByRole('navigation', { name: 'Of this vehicle' }).count()).toBe(0);
  await page.goto('/no/such/page');
  await page.getByText('There is no such page').waitFor();
});
