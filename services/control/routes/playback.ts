import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { StartPlayback } from '../playback/playback.ts';
import { problems } from '../schemas/common.ts';
import { PlaybackRequest, PlaybackSchema } from '../schemas/playback.ts';

export function playbackRoutes(server: HttpServer, startPlayback: StartPlayback): void {
  server.post(
    '/v1/playback',
    {
      schema: {
        tags: ['playback'],
        summary: 'Signed URLs for one viewer, on the nearest appliance',
        body: PlaybackRequest,
        response: {
          200: PlaybackSchema,
          ...problems('asset-not-found', 'asset-not-published', 'gone', 'region-not-found', 'no-appliance-available'),
        },
      },
    },
    async ({ body, ip }, reply) => {
      // The answer holds a credential and a decision of this moment.
      reply.header('cache-control', 'no-store');
      return startPlayback({ ...body, requestIp: ip });
    },
  );
}
