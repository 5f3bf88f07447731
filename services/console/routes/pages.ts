import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Asset, TranscodeProgress } from '../../../shared/domain/asset.ts';
import type { FillReport } from '../../../shared/domain/fill.ts';
import type { Region } from '../../../shared/domain/fleet.ts';
import { isId } from '../../../shared/domain/keys.ts';
import type { HttpServer } from '../../../shared/platform/http-server.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { ApiClient } from '../api-client.ts';
import type { Guard } from '../guard.ts';
import type { ReadOverview } from '../overview.ts';
import { html } from '../pages/html.ts';
import { contentSecurityPolicy, page } from '../pages/layout.ts';
import { overviewHtml } from '../pages/overview.ts';
import { problemHtml, signInHtml } from '../pages/plain.ts';
import { reportHtml } from '../pages/report.ts';
import { notYetHtml, type PlaybackAnswer, watchHtml } from '../pages/watch.ts';
import { sendHtml } from './send-html.ts';

export interface PageDeps {
  readonly guard: Guard;
  readonly api: ApiClient;
  readonly readOverview: ReadOverview;
}

type AssetAnswer = Asset & { readonly progress?: TranscodeProgress | null };

/** The front page and the player. What is private in them is asked server-side: no key ever reaches the browser. */
export async function pageRoutes(server: HttpServer, { guard, api, readOverview }: PageDeps): Promise<void> {
  const schema = { hide: true };

  server.addHook('onRequest', async (request, reply) => {
    if (guard(request) !== 'none') return;
    reply.header('www-authenticate', 'Bearer realm="nightfill"');
    if (!wantsHtml(request)) {
      throw new Problem('unauthorized', 'This page needs the API key, or NIGHTFILL_OPEN_WATCH_PAGE=true.');
    }
    return sendHtml(reply, page({ title: 'Sign in', body: signInHtml(request.url, false) }), { status: 401 });
  });

  server.get('/', { schema }, async (request, reply) =>
    sendHtml(
      reply,
      page({
        title: 'Overview',
        current: 'overview',
        body: html`<h1 class="hidden">Overview</h1><div id="overview">${overviewHtml(await readOverview())}</div>`,
        scripts: ['overview.js'],
        refreshS: 15,
        signedIn: guard(request) === 'session',
      }),
    ),
  );

  server.get('/overview', { schema }, async (_request, reply) =>
    sendHtml(reply, overviewHtml(await readOverview()).text),
  );

  server.get(
    '/reports/:regionId/:date',
    { schema: { ...schema, params: Type.Object({ regionId: Type.String(), date: Type.String() }) } },
    async (request, reply) => {
      const signedIn = guard(request) === 'session';
      const { regionId, date } = request.params;
      try {
        if (!isId(regionId)) throw new Problem('region-not-found', `There is no region ${regionId}.`);
        const at = `/v1/regions/${regionId}`;
        const [region, report, list] = await Promise.all([
          api.get<Region>('control', at),
          api.get<FillReport>('control', `${at}/fill-reports/${encodeURIComponent(date)}`),
          api.get<{ readonly items: readonly FillReport[] }>('control', `${at}/fill-reports?limit=14`),
        ]);
        const dates = list.items.map((one) => one.date);
        const body = reportHtml({ report, timeZone: region.timeZone, dates });
        return sendHtml(reply, page({ title: `${regionId}, ${date}`, body, signedIn }));
      } catch (error) {
        if (!(error instanceof Problem) || !wantsHtml(request)) throw error;
        const body = page({ title: 'No report', body: problemHtml(error), signedIn });
        return sendHtml(reply, body, { status: error.statusCode });
      }
    },
  );

  server.get(
    '/watch/:assetId',
    {
      schema: {
        ...schema,
        params: Type.Object({ assetId: Type.String() }),
        querystring: Type.Object({ region: Type.Optional(Type.String({ maxLength: 63 })) }),
      },
    },
    async (request, reply) => {
      const signedIn = guard(request) === 'session';
      try {
        await watch(request.params.assetId, request.query.region, request.ip, reply, signedIn);
      } catch (error) {
        if (!(error instanceof Problem) || !wantsHtml(request)) throw error;
        const body = page({ title: 'Not playing', body: problemHtml(error), signedIn });
        await sendHtml(reply, body, { status: error.statusCode });
      }
      return reply;
    },
  );

  async function watch(id: string, region: string | undefined, ip: string, reply: FastifyReply, signedIn: boolean) {
    if (!isId(id)) throw new Problem('asset-not-found', `There is no asset ${id}.`);
    const asset = await api.get<AssetAnswer>('ingest', `/v1/assets/${id}`);
    if (asset.version === null && !asset.early) {
      const scripts = asset.failure ? [] : ['waiting.js'];
      const refresh = asset.failure ? {} : { refreshS: 5 };
      return sendHtml(reply, page({ title: asset.title, body: notYetHtml(asset), scripts, signedIn, ...refresh }));
    }
    const viewer = region === undefined ? { ip } : { ip, region };
    const playback = await api.post<PlaybackAnswer>('control', '/v1/playback', { assetId: id, ...viewer });
    const media = new URL(playback.hls).origin;
    const csp = contentSecurityPolicy({
      'connect-src': `'self' ${media}`,
      'media-src': `blob: ${media}`,
      'worker-src': "'self'",
    });
    const body = page({ title: asset.title, body: watchHtml(asset, playback), scripts: ['watch.js'], signedIn });
    return sendHtml(reply, body, { csp });
  }
}

const wantsHtml = (request: Pick<FastifyRequest, 'headers'>): boolean =>
  (request.headers.accept ?? '').includes('text/html');
