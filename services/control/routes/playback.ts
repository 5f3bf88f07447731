import type { HttpServer } from '../../../shared/platform/http-server.ts';
import type { Metrics } from '../../../shared/platform/metrics.ts';
import type { StartPlayback } from '../playback/playback.ts';
import { problems } from '../schemas/common.ts';
import { PlaybackRequest, PlaybackSchema } from '../schemas/playback.ts';

export function playbackRoutes(server: HttpServer, startPlayback: StartPlayback, metrics: Metrics): void {
  const started = metrics.counter('nightfill_playbacks_total', 'Playback URLs given, by region and reason.', [
    'region',
    'reason',
  ]);

  server.post(
    '/v1/playback',
    {
      schema: {
        tags: ['playback'],
        summary: 'Signed URLs for one viewer, on the nearest appliance',
        body: PlaybackRequest,
        response: {
          200: PlaybackSchema,
          ...problems(
            'asset-not-found',
            'asset-not-published',
            'embargoed',
            'gone',
            'region-not-found',
            'no-appliance-available',
          ),
        },
      },
    },
    async ({ body, ip }, reply) => {
      // The answer holds a credential and a decision of this moment.
      reply.header('cache-control', 'no-store');
      const playback = await startPlayback({ ...body, requestIp: ip });
      started.inc({ region: playback.region.id, reason: playback.region.reason });
      return playback;
    },
  );
}
