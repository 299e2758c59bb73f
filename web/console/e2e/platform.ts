/**
 * What the tests run against: the platform at `MARQUE_URL` (with `MARQUE_PASSWORD`), or else the built
 * console over the mock. The tests are the same.
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
  const url = process.env.MARQUE_URL;
  if (url) {
    const password = process.env.MARQUE_PASSWORD;
    if (!password) throw new Error('MARQUE_URL is set, so MARQUE_PASSWORD must be, too.');
    project.provide('url', url.replace(/\/$/, ''));
    project.provide('password', password);
    project.provide('mock', false);
    return undefined;
  }
  const root = fileURLToPath(new URL('..', import.meta.url));
  if (!existsSync(`${root}/dist/index.html`)) await build({ root, logLevel: 'warn' });
  const server = await preview({ root, logLevel: 'warn', preview: { port: 0, host: '127.0.0.1' } });
  const { port } = server.httpServer.address() as AddressInfo;
  project.provide('url', `http://127.0.0.1:${port}`);
  project.provide('password', process.env.MARQUE_PASSWORD ?? 'marque');
  project.provide('mock', true);
  return () => server.close();
}
