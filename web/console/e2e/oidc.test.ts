/** A platform of its own, with a certified implementation of OpenID Connect beside it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Provider, { type JWK } from 'oidc-provider';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newPage, read, useBrowser } from './browser';

/** The program, as `cargo xtask test` has built it. */
const PROGRAM = process.env.MARQUE_PROGRAM;
const SECRET = randomBytes(24).toString('hex');
const LOGIN = { name: 'Group sign-in', scopes: 'openid email profile' };

interface Signed {
  session_id: string;
  proven_until: string;
  account: { person_id: string; username: string; identity_provider: string | null };
}

useBrowser();

describe.skipIf(!PROGRAM)('an identity provider', () => {
  let folder: string;
  let provider: Server;
  let platform: ChildProcess;
  let url: string;
  /** What passed between provider and platform, and lets somebody in: codes, verifiers, tokens. */
  const passed: unknown[] = [];
  /** What answers at the provider's address; a rotation puts another in its place. */
  let answer: ReturnType<Provider['callback']>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'marque-oidc-'));
    provider = createServer((request, response) => void answer(request, response)).listen(0, 'localhost');
    await once(provider, 'listening');
    url = `http://127.0.0.1:${await freePort()}`;
    rotate();
    await writeFile(join(folder, 'secret'), `${SECRET}\n`);
    await writeFile(
      join(folder, 'providers.toml'),
      `[[provider]]
id = "group"
name = "${LOGIN.name}"
issuer = "${issuer()}"
client_id = "marque"
client_secret_file = "secret"
realm = "staff"
`,
    );
    platform = await start();
  });

  afterAll(async () => {
    if (platform?.exitCode === null && platform.kill('SIGTERM')) await once(platform, 'exit');
    provider?.closeAllConnections();
    provider?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  /** On another site than the platform, as in the world: `localhost` is not `127.0.0.1`. */
  function issuer(): string {
    return `http://localhost:${(provider.address() as AddressInfo).port}`;
  }

  /** The provider with another key; who is signed in there stays so. */
  function rotate(): void {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = {
      ...privateKey.export({ format: 'jwk' }),
      use: 'sig',
      alg: 'ES256',
      kid: randomBytes(8).toString('hex'),
    };
    const next: Provider = new Provider(issuer(), {
      jwks: { keys: [key as JWK] },
      cookies: { keys: [SECRET] },
      clients: [
        {
          client_id: 'marque',
          client_secret: SECRET,
          redirect_uris: [`${url}/v1/oidc/group/callback`],
          id_token_signed_response_alg: 'ES256',
          backchannel_logout_uri: `${url}/v1/oidc/group/backchannel-logout`,
          backchannel_logout_session_required: true,
        },
      ],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username'] },
      features: { backchannelLogout: { enabled: true } },
      pkce: { required: () => true },
      // It would send nothing to a machine's own address, as a provider in the world must not; ours is there.
      fetch: (to, options) => fetch(to, { ...options, dispatcher: undefined } as RequestInit),
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, preferred_username: id }),
      }),
      // The one client is our own: nobody is asked whether it may know them.
      async loadExistingGrant({ oidc }) {
        const grant = new next.Grant({ clientId: oidc.client?.clientId, accountId: oidc.session?.accountId });
        grant.addOIDCScope(LOGIN.scopes);
        await grant.save();
        return grant;
      },
    });
    next.on('grant.success', ({ oidc, body }) => {
      const { id_token, access_token } = body as Record<string, unknown>;
      passed.push(oidc.params?.code, oidc.params?.code_verifier, id_token, access_token);
    });
    answer = next.callback();
  }

  async function start(): Promise<ChildProcess> {
    const address = new URL(url).host;
    const options = [
      '--data',
      join(folder, 'data'),
      '--http',
      address,
      '--mqtt',
      '127.0.0.1:0',
      '--est',
      '127.0.0.1:0',
    ];
    const program = spawn(
      PROGRAM ?? '',
      ['--log', 'trace', 'cloud', ...options, '--identity-providers', join(folder, 'providers.toml')],
      { stdio: ['ignore', 'ignore', openSync(join(folder, 'log'), 'w')] },
    );
    // It listens before it serves, and answers when it does.
    for (let tries = 0; tries < 100; tries += 1) {
      if (program.exitCode !== null)
        throw new Error(`marque cloud ended with ${program.exitCode}: ${await log()}`);
      const ready = await fetch(`${url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (ready) return program;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('The platform is not ready after ten seconds.');
  }

  async function log(): Promise<string> {
    return readFile(join(folder, 'log'), 'utf8');
  }

  async function showWho(page: Page, name: string): Promise<void> {
    await page.waitForURL((at) => at.origin === issuer());
    await page.locator('input[name=login]').fill(name);
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
    await page.waitForURL((at) => at.origin === url);
  }

  /** A page of the platform, not signed in. The provider's own pages would load a font from elsewhere. */
  async function open(path: string): Promise<Page> {
    const page = await newPage({ baseURL: url });
    await page.context().route('https://fonts.googleapis.com/**', (route) => route.abort());
    await page.goto(path);
    return page;
  }

  async function signIn(name: string, path = '/account'): Promise<Page> {
    const page = await open(path);
    await page.getByRole('link', { name: LOGIN.name }).click();
    await showWho(page, name);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    return page;
  }

  it('signs in whom it knows, and leads back to the page', async () => {
    const page = await signIn('anna', '/account?from=here');
    expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe('/account?from=here');
    await page.getByRole('heading', { name: 'Where you sign in' }).waitFor();
    expect(await page.getByRole('heading', { name: 'Password' }).count()).toBe(0);
    const { account } = await read<Signed>(page, '/v1/session');
    expect(account).toMatchObject({ username: 'group:anna', identity_provider: 'group' });
    const again = await signIn('anna');
    expect((await read<Signed>(again, '/v1/session')).account.person_id).toBe(account.person_id);
  });

  it('signs in with a key that it did not have a moment ago', async () => {
    await signIn('anna');
    rotate();
    await signIn('anna');
  });

  it('proves anew who somebody is, on the page where it was asked for', async () => {
    const page = await signIn('ben');
    await giveFunction('group:ben', 'administrator');
    await page.goto('/people/new');
    const before = await read<Signed>(page, '/v1/session');
    const name = `made.${Date.now()}`;
    const create = async () => {
      await page.getByLabel('Name to sign in with').fill(name);
      await page.getByLabel(/^Address/).fill('made@example.org');
      await page.getByRole('checkbox', { name: 'Opel' }).check({ force: true });
      await page.getByRole('button', { name: 'Create person' }).click();
    };
    const prove = async () => {
      const dialog = page.getByRole('dialog', { name: 'Prove it is you' });
      await dialog.getByRole('link', { name: LOGIN.name }).click();
      expect(await dialog.getByLabel('Password').count()).toBe(0);
      await showWho(page, 'ben');
    };

    await create();
    await prove();
    await create();
    await page.getByRole('heading', { level: 1, name }).waitFor();
    const after = await read<Signed>(page, '/v1/session');
    expect(after.session_id).toBe(before.session_id);
    expect(Date.parse(after.proven_until)).toBeGreaterThan(Date.parse(before.proven_until));
  });

  it('ends the open page of who signs out there', async () => {
    const page = await signIn('dora');
    await giveFunction('group:dora', 'operations');
    await page.goto('/');
    await page.getByText('Live', { exact: true }).first().waitFor({ state: 'attached' });
    const other = await page.context().newPage();
    await other.goto(`${issuer()}/session/end`);
    await other.locator('button[value=yes]').click();
    await page.getByRole('heading', { name: 'Your session has ended' }).waitFor();
    expect(await read<{ status: number }>(page, '/v1/session')).toMatchObject({ status: 401 });
  });

  it('that refuses somebody is told on the sign-in page', async () => {
    const page = await open('/account');
    await page.getByRole('link', { name: LOGIN.name }).click();
    await page.waitForURL((at) => at.origin === issuer());
    await page.getByRole('link', { name: /cancel/i }).click();
    await page.getByRole('alert').getByText('The provider refused the sign-in').waitFor();
    await page.getByLabel('Password').waitFor();
  });

  it('leaves nothing in the log that lets somebody in, whatever that is told to say', async () => {
    const before = passed.length;
    const page = await signIn('eva');
    const cookies = (await page.context().cookies(url)).map(({ value }) => value);
    expect(passed.length).toBe(before + 4);
    const said = await log();
    expect(said.includes('route="/v1/oidc/{provider}/callback"')).toBe(true);
    for (const secret of [SECRET, ...cookies, ...passed]) {
      expect(String(secret).length).toBeGreaterThan(20);
      expect(said.includes(String(secret))).toBe(false);
    }
  });

  /** As the operator does, who has the password of the data folder. */
  async function giveFunction(username: string, name: string): Promise<void> {
    const password = (await readFile(join(folder, 'data/operator-password'), 'utf8')).trim();
    const { token } = await send('/v1/session', { username: 'operator', password });
    const found = await fetch(`${url}/v1/people?q=${encodeURIComponent(username)}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { items } = (await found.json()) as { items: { person_id: string }[] };
    await send(`/v1/people/${items[0]?.person_id}/roles`, { function: name, brands: ['opel'] }, token);
  }

  async function send(path: string, body: unknown, token = ''): Promise<{ token: string }> {
    const headers = {
      'content-type': 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
    };
    const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return (await response.json()) as { token: string };
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
