/**
 * What the tests run against: the platform at `MARQUE_URL` with the console that it serves, the console as built here
 * over the platform at `MARQUE_PROXY` (both with `MARQUE_PASSWORD`), or else the console over the mock. The tests are
 * the same.
 */
import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
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
  const apart = url || proxied ? await fromElsewhere(new URL(url ?? proxied ?? '')) : undefined;
  if (apart && url) {
    project.provide('url', apart.url);
    return apart.close;
  }
  const root = fileURLToPath(new URL('..', import.meta.url));
  if (!existsSync(`${root}/dist/index.html`)) await build({ root, logLevel: 'warn' });
  const proxy = apart && { '/v1': { target: apart.url, changeOrigin: true } };
  const server = await preview({ root, logLevel: 'warn', preview: { port: 0, host: '127.0.0.1', proxy } });
  const { port } = server.httpServer.address() as AddressInfo;
  project.provide('url', `http://127.0.0.1:${port}`);
  return async () => {
    await server.close();
    await apart?.close();
  };
}

/**
 * A way to a platform on this machine that comes from an address of its own. The platform counts wrong passwords by
 * address, and the demo signs in as the same operator: while a test gives that account a second factor, the demo's
 * attempts are wrong ones, and must not be the tests'.
 */
async function fromElsewhere(to: URL): Promise<{ url: string; close: () => Promise<void> }> {
  if (to.hostname !== '127.0.0.1') return { url: to.origin, close: async () => {} };
  const server = createServer((near) => {
    const far = connect({ host: to.hostname, port: Number(to.port), localAddress: '127.0.0.2' });
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
