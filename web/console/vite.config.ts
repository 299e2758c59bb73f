import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { mock } from './mock/plugin.ts';
import { contentSecurityPolicy } from './vite/csp.ts';
import { world } from './vite/world.ts';

// `MARQUE_PROXY=http://localhost:8080 npm run dev` works against a real platform instead of the mock.
const proxied = process.env.MARQUE_PROXY;
const proxy = proxied ? { '/v1': { target: proxied, changeOrigin: true } } : undefined;

export default defineConfig({
  plugins: [svelte(), world(), ...(proxied ? [] : [mock()])],
  server: { port: 5180, proxy },
  preview: { port: 5181, proxy, headers: { 'content-security-policy': contentSecurityPolicy } },
  build: {
    target: ['chrome123', 'edge123', 'firefox128', 'safari17.5'],
    assetsInlineLimit: 0,
    // MapLibre is one file of about 1 MB, loaded when a map is first shown.
    chunkSizeWarningLimit: 1200,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
  test: { include: ['src/**/*.test.ts', 'mock/**/*.test.ts', '../packages/*/src/**/*.test.ts'] },
});
