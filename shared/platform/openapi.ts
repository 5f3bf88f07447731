import swagger from '@fastify/swagger';
import type { HttpServer } from './http-server.ts';
import { problemTypes } from './problem.ts';

/** `x-…` free description of the whole; each service documents its own routes and the console merges them. */
const info = {
  title: 'Nightfill',
  version: '1',
  description:
    'Upload media, get playback URLs, configure regions and appliances, forecast, fill and read fill reports. Errors are RFC 9457 problems with a stable `code`.',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
};

/** Makes the service's routes known at `GET /openapi.json`. Register it before any route. */
export async function registerOpenApi(server: HttpServer, tags: readonly { name: string; description: string }[]) {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info,
      tags: [...tags],
      security: [{ apiKey: [] }],
      components: {
        securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } },
        schemas: {
          Problem: {
            type: 'object',
            description: 'RFC 9457 problem.',
            required: ['type', 'title', 'status', 'detail', 'code'],
            properties: {
              type: { type: 'string' },
              title: { type: 'string' },
              status: { type: 'integer' },
              detail: { type: 'string', description: 'What was wrong this time, and how to mend it.' },
              code: { type: 'string', enum: Object.keys(problemTypes) },
              requestId: { type: 'string' },
              errors: {
                type: 'array',
                items: {
                  type: 'object',
                  properties: { at: { type: 'string' }, message: { type: 'string' } },
                },
              },
            },
          },
        },
      },
    },
  });
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger());
}
