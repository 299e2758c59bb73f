import type { Connect, Plugin } from 'vite';
import { Fleet } from './fleet.ts';
import { handler } from './http.ts';

/** Serves `/v1` with a simulated fleet from the development and the preview server. */
export function mock(): Plugin {
  const attach = (middlewares: Connect.Server) => {
    const fleet = new Fleet(Number(process.env.MOCK_VEHICLES ?? 1400));
    const timer = setInterval(() => fleet.step(Date.now()), 1000);
    timer.unref();
    middlewares.use(handler(fleet, process.env.MARQUE_PASSWORD ?? 'marque'));
  };
  return {
    name: 'marque-mock',
    configureServer: (server) => attach(server.middlewares),
    configurePreviewServer: (server) => attach(server.middlewares),
  };
}
