/**
 * What the tests run against: the platform at `MARQUE_URL` with the console that it serves, the console as built here
 * over the platform at `MARQUE_PROXY` (both with `MARQUE_PASSWORD`), or else the console over the mock. The tests are
 * the same.
 */
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build, preview } from 'vite';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    url: string;
    password: string;
    /** Whether it is the mock, whose people are known. */
    mock: boolean;
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const { MARQUE_URL: url, MARQUE_PROXY: proxied, MARQUE_PASSWORD: password } = process.env;
  if ((url || proxied) && !password)
    throw new Error('MARQUE_URL or MARQUE_PROXY is set, so MARQUE_PASSWORD must be, too.');
  project.provide('password', password ?? 'marque');
  project.provide('mock', !url && !proxied);
  if (url) {
    project.provide('url', url.replace(/\/$/, ''));
    return undefined;
  }
  const root = fileURLToPath(new URL('..', import.meta.url));
  if (!existsSync(`${root}/dist/index.html`)) await build({ root, logLevel: 'warn' });
  const server = await preview({ root, logLevel: 'warn', preview: { port: 0, host: '127.0.0.1' } });
  const { port } = server.httpServer.address() as AddressInfo;
  project.provide('url', `http://127.0.0.1:${port}`);
  return () => server.close();
}
