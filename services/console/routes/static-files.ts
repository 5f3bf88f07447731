import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { HttpServer } from '../../../shared/platform/http-server.ts';

const require = createRequire(import.meta.url);

/** What the pages load, all from here: an installation without the internet shows them too. */
const folders = [
  ['/static/', fileURLToPath(new URL('../public/', import.meta.url))],
  ['/static/hls/', dirname(require.resolve('hls.js'))],
  ['/static/swagger/', join(dirname(require.resolve('@fastify/swagger-ui/package.json')), 'static')],
] as const;

export async function staticRoutes(server: HttpServer): Promise<void> {
  for (const [index, [prefix, root]] of folders.entries()) {
    await server.register(fastifyStatic, {
      root,
      prefix,
      decorateReply: index === 0,
      index: false,
      schemaHide: true,
      maxAge: 3_600_000,
      setHeaders: (response) => {
        response.header('x-content-type-options', 'nosniff');
      },
    });
  }
}
