import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, type Cookie, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';

/** Software rendering, since the map needs WebGL and the machine may have no GPU. */
const FLAGS = [
  '--no-sandbox',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-gpu-rasterization',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const SIZES = {
  phone: { width: 390, height: 844 },
  laptop: { width: 1440, height: 900 },
  wall: { width: 2560, height: 1300 },
} as const;

let browser: Browser;
const opened: { page: Page; complaints: string[] }[] = [];

/** Starts a browser for a file's tests, and fails a test whose pages complained. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: FLAGS,
    });
  });
  afterEach(async () => {
    const complaints = opened.flatMap(({ complaints }) => complaints);
    await Promise.all(opened.splice(0).map(({ page }) => page.context().close()));
    expect(complaints, 'what the browser complained of').toEqual([]);
  });
  afterAll(() => browser.close());
}

/** A page that is not signed in. */
export async function newPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ baseURL: inject('url'), viewport: SIZES.laptop, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // A refused request is what some tests are about; the screens must show it.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(`console: ${message.text()}`);
    }
  });
  opened.push({ page, complaints });
  return page;
}

export async function enterPassword(page: Page, password = inject('password')): Promise<void> {
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Signs in as one of the mock's people, who all have the same password. */
export async function enterName(page: Page, username: string): Promise<void> {
  await page.getByLabel('Name').fill(username);
  await enterPassword(page);
}

/** The session that the tests share. Signing in is costly by design, and limited. */
let shared: Cookie[] | undefined;

/**
 * A page of somebody who is signed in and whose stream is live. `anew` gives it a session of its own, for
 * tests that end it, and for tests that act: a sign-in counts as a proof for ten minutes, which the shared one may have
 * outlived.
 */
export async function signedIn(
  path = '/',
  options: BrowserContextOptions = {},
  { anew = false }: { anew?: boolean } = {},
): Promise<Page> {
  const page = await newPage(options);
  if (shared && !anew) await page.context().addCookies(shared);
  await page.goto(path);
  if (!shared || anew) {
    await enterPassword(page);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    if (!anew) shared = await page.context().cookies();
  }
  await page.getByText('Live', { exact: true }).first().waitFor({ state: 'attached' });
  return page;
}

/** Reads from the API as the page's own session. */
export function read<T>(page: Page, path: string): Promise<T> {
  return page.evaluate(async (path) => (await fetch(path)).json(), path);
}

/** A car that drives now, and shares how. */
export async function movingVehicle(page: Page): Promise<string> {
  type Vehicles = { items: { vehicle_id: string }[] };
  type Signals = { items: { path: string }[] };
  for (let attempt = 0; attempt < 40; attempt++) {
    const { items } = await read<Vehicles>(page, '/v1/vehicles?state=moving&limit=20');
    for (const { vehicle_id } of items) {
      const signals = await read<Signals>(page, `/v1/vehicles/${vehicle_id}/signals`);
      if (signals.items.some((signal) => signal.path === 'Vehicle.Speed')) return vehicle_id;
    }
    // The fleet may have just started: waits for its next summary.
    await page
      .waitForResponse((response) => response.url().includes('/v1/'), { timeout: 3000 })
      .catch(() => undefined);
  }
  throw new Error('No car of the fleet is moving and shares its speed.');
}

/** Runs axe and gives what it found, readable. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const result = await page.evaluate(() =>
    (window as unknown as { axe: typeof axe }).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  return result.violations.map(
    (violation) =>
      `${violation.id}: ${violation.nodes
        .slice(0, 3)
        .map((node) => node.html.slice(0, 160))
        .join(' | ')}`,
  );
}
