/** A small fleet for tests: real appliances on real ports, with a stand-in for control that speaks its two calls. */
import { createCipheriv, createHash } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Agent } from 'undici';
import type { DemandElsewhere, TelemetryBatch } from '../../../shared/domain/demand.ts';
import type { ApplianceOrders, ApplianceStatus, TopUpBudget, Upstream } from '../../../shared/domain/fleet.ts';
import { storeKeys } from '../../../shared/domain/keys.ts';
import { type Manifest, type ManifestFile, sliceCount, sliceSizeBytes } from '../../../shared/domain/manifest.ts';
import { steadyClock, systemClock } from '../../../shared/platform/clock.ts';
import { type KernelIo, openKernelIo } from '../../../shared/platform/kernel-io.ts';
import { makeLogger } from '../../../shared/platform/logger.ts';
import { makeMetrics } from '../../../shared/platform/metrics.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { ObjectStore } from '../../../shared/ports/object-store.ts';
import type { SegmentCache } from '../../../shared/ports/segment-cache.ts';
import { applianceCredential, pullCredential } from '../../../shared/tokens/credentials.ts';
import { generateTokenKey, type SigningKey, verificationKey } from '../../../shared/tokens/keys.ts';
import { signPlaybackToken } from '../../../shared/tokens/playback.ts';
import { type ApplianceApp, makeApplianceApp } from '../app.ts';
import type { Limits } from '../guard.ts';

/** Of this machine. */
export const kernel = await openKernelIo();

export const fleetSecret = 'the secret of a fleet that exists only in tests';

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Bytes without a pattern, the same for the same seed. */
export function bytesOf(seed: string, sizeBytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

export interface Title {
  readonly assetId: string;
  readonly version: string;
  readonly manifest: Manifest;
  readonly manifestBytes: Buffer;
  readonly files: ReadonlyMap<string, Buffer>;
}

export interface TitleFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** A published title of made-up bytes: a playlist, and the given files as segments of one video rendition. */
export function makeTitle(
  assetId: string,
  segments: readonly TitleFile[],
  playlist = '#EXTM3U\n',
  over: Partial<Manifest> = {},
): Title {
  const version = 'v1';
  const files = new Map<string, Buffer>([['master.m3u8', Buffer.from(playlist)]]);
  for (const { path, sizeBytes } of segments) files.set(path, bytesOf(`${assetId}/${path}`, sizeBytes));
  const entries = [...files].map(([path, bytes], at): ManifestFile => {
    const slices = Array.from({ length: sliceCount(bytes.length) }, (_, index) =>
      sha256(bytes.subarray(index * sliceSizeBytes, (index + 1) * sliceSizeBytes)),
    );
    const isPlaylist = path.endsWith('.m3u8');
    return {
      path,
      role: isPlaylist ? 'playlist' : 'segment',
      sizeBytes: bytes.length,
      sha256: sha256(bytes),
      ...(slices.length > 1 ? { sliceSha256: slices } : {}),
      contentType: isPlaylist ? 'application/vnd.apple.mpegurl' : 'video/iso.segment',
      rendition: isPlaylist ? null : 'video-720p',
      index: isPlaylist ? null : at - 1,
      startS: isPlaylist ? null : (at - 1) * 6,
      durationS: isPlaylist ? null : 6,
    };
  });
  const manifest: Manifest = {
    schema: 1,
    assetId,
    version,
    title: assetId,
    createdAt: '2026-11-20T14:30:07.123Z',
    durationS: segments.length * 6,
    packaging: 'segments',
    sliceSizeBytes,
    sizeBytes: entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    source: { sha256: sha256(Buffer.from(assetId)), sizeBytes: 1 },
    recipe: { profile: 'test', packager: 'test', encoder: 'test' },
    playlists: { hls: 'master.m3u8', dash: 'manifest.mpd' },
    renditions: [
      {
        id: 'video-720p',
        kind: 'video',
        codecs: 'avc1.64001f',
        bandwidthBps: 1,
        averageBandwidthBps: 1,
        width: 1280,
        height: 720,
        frameRate: 25,
        channels: null,
        sampleRateHz: null,
        playlist: 'video-720p.m3u8',
      },
    ],
    files: entries,
    ...over,
  };
  return { assetId, version, manifest, manifestBytes: Buffer.from(JSON.stringify(manifest)), files };
}

export async function publish(store: ObjectStore, { assetId, version, files, manifestBytes }: Title): Promise<void> {
  for (const [path, bytes] of files) await store.put(storeKeys.media({ assetId, version, path }), bytes);
  await store.put(storeKeys.manifest(assetId, version), manifestBytes);
}

export interface ControlStandIn {
  readonly url: string;
  readonly statuses: ApplianceStatus[];
  readonly batches: TelemetryBatch[];
  readonly orders: Map<string, ApplianceOrders>;
  /** Told to the next appliance that asks. */
  readonly elsewhere: DemandElsewhere[];
  /** How often appliances asked for it. */
  readonly questions: number;
  /** Keys by `<assetId>/<version>`, as control would give them. */
  readonly contentKeys: Map<string, readonly { readonly id: string; readonly key: string }[]>;
  readonly keyRequests: unknown[];
  /** Closes the port; `comeBack` opens the same one. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

export async function startControl(): Promise<ControlStandIn> {
  const statuses: ApplianceStatus[] = [];
  const batches: TelemetryBatch[] = [];
  const orders = new Map<string, ApplianceOrders>();
  const elsewhere: DemandElsewhere[] = [];
  let questions = 0;
  const contentKeys: ControlStandIn['contentKeys'] = new Map();
  const keyRequests: unknown[] = [];
  const answer = (path: string, body: unknown): readonly [number, unknown] => {
    if (path === '/internal/v1/telemetry') {
      batches.push(body as TelemetryBatch);
      return [204, null];
    }
    if (path === '/internal/v1/content-keys') {
      keyRequests.push(body);
      const { assetId, version } = body as { readonly assetId: string; readonly version: string };
      const keys = contentKeys.get(`${assetId}/${version}`);
      return keys ? [200, { keys }] : [404, { code: 'not-found' }];
    }
    if (path === '/internal/v1/demand-elsewhere') {
      questions += 1;
      return [200, { untilMs: Date.now(), assets: elsewhere.splice(0) }];
    }
    const status = body as ApplianceStatus;
    statuses.push(status);
    const found = orders.get(status.applianceId);
    return found ? [200, found] : [404, { code: 'appliance-not-found' }];
  };
  const server = http.createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const id = (request.headers.authorization ?? '').replace('Bearer ', '').split('.')[0] ?? '';
      const allowed = request.headers.authorization === `Bearer ${id}.${applianceCredential(fleetSecret, id)}`;
      const [status, body] = allowed ? answer(request.url ?? '', JSON.parse(text)) : [401, null];
      response.writeHead(status).end(body === null ? undefined : JSON.stringify(body));
    });
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    statuses,
    batches,
    orders,
    elsewhere,
    get questions() {
      return questions;
    },
    contentKeys,
    keyRequests,
    goAway: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    comeBack: () => listen(port),
  };
}

const noLimits: Limits = {
  connections: 10_000,
  connectionsPerIp: 10_000,
  requestsPerSecondPerIp: 0,
  requestsPerSecondPerSession: 0,
  answerBytes: 1e9,
  slowestReaderBytesPerSecond: 0,
  exempt: [],
};

export interface StartOptions {
  readonly id: string;
  readonly dir: string;
  readonly control: ControlStandIn;
  readonly key: SigningKey;
  readonly openCache: (dir: string) => Promise<SegmentCache>;
  readonly store?: ObjectStore;
  readonly role?: 'edge' | 'shield';
  readonly upstreams?: readonly Upstream[];
  readonly capacityBytes?: number;
  readonly upstreamTimeoutMs?: number;
  readonly limits?: Partial<Limits>;
  /** Null: files are read and written. */
  readonly kernel?: KernelIo | null;
  readonly clock?: Clock;
  readonly steadyClock?: Clock;
  readonly cookieOrigins?: readonly string[];
  readonly topUp?: TopUpBudget;
  /** Certificate by which upstreams over TLS are believed. */
  readonly trusted?: string;
  /** Replaces some of the orders. */
  readonly orders?: Partial<ApplianceOrders>;
  /** Leaves control's orders as they are. */
  readonly keepOrders?: boolean;
}

export interface RunningAppliance {
  readonly id: string;
  readonly url: string;
  readonly port: number;
  readonly cache: SegmentCache;
  readonly app: ApplianceApp;
  /** As other appliances see it. */
  asUpstream(kind: Upstream['kind']): Upstream;
  stop(): Promise<void>;
}

export async function startAppliance(options: StartOptions): Promise<RunningAppliance> {
  const { id, dir, control } = options;
  if (!options.keepOrders) control.orders.set(id, { ...ordersOf(options), ...options.orders });
  const cache = await options.openCache(join(dir, 'cache'));
  const { trusted } = options;
  const dispatcher = new Agent({ connect: { timeout: 1_000, ...(trusted ? { ca: trusted } : {}) } });
  const app = await makeApplianceApp({
    applianceId: id,
    credential: applianceCredential(fleetSecret, id),
    controlUrl: control.url,
    stateDir: join(dir, 'state'),
    softwareVersion: 'test',
    cache,
    store: options.store ?? null,
    clock: options.clock ?? systemClock,
    steadyClock: options.steadyClock ?? options.clock ?? steadyClock,
    logger: makeLogger(id, process.env.NIGHTFILL_TEST_LOG ?? 'silent'),
    metrics: makeMetrics('appliance'),
    dispatcher,
    upstreamTimeoutMs: options.upstreamTimeoutMs ?? 1_000,
    trustProxy: [],
    isStrained: () => false,
    diskTrouble: () => null,
    kernel: options.kernel === undefined ? kernel : options.kernel,
    limits: { ...noLimits, ...options.limits },
    cookieOrigins: options.cookieOrigins ?? [],
    mayReadMetrics: () => true,
  });
  const url = await app.server.listen({ host: '127.0.0.1', port: 0 });
  app.start();
  return {
    id,
    url,
    port: (app.server.server.address() as AddressInfo).port,
    cache,
    app,
    asUpstream: (kind) => ({ kind, applianceId: id, url, credential: pullCredential(fleetSecret, id), weight: 1 }),
    async stop() {
      await app.stop(1_000);
      await dispatcher.destroy();
      await cache.close();
    },
  };
}

function ordersOf({
  id,
  key,
  role = 'edge',
  upstreams = [],
  capacityBytes = 1e9,
  topUp,
}: StartOptions): ApplianceOrders {
  return {
    applianceId: id,
    regionId: 'test',
    role,
    mode: 'active',
    capacityBytes,
    tokenKeys: [verificationKey(key)],
    pullCredential: pullCredential(fleetSecret, id),
    upstreams,
    ...(topUp ? { topUp } : {}),
  };
}

export const makeKey = (): Promise<SigningKey> => generateTokenKey();

/** Path of a file behind a token that is good for a minute. */
export async function signedPath(
  key: SigningKey,
  title: Pick<Title, 'assetId' | 'version'>,
  path: string,
  sessionId?: string,
): Promise<string> {
  const { assetId, version } = title;
  const expiresAtS = Math.floor(Date.now() / 1_000) + 60;
  const session = sessionId === undefined ? {} : { sessionId };
  const token = await signPlaybackToken({ key, assetId, version, expiresAtS, ...session });
  return `/t/${token}/v/${assetId}/${version}/${path}`;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One request with exactly this target: no client tidies it up on the way. */
export function send(
  port: number,
  path: string,
  options: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: Uint8Array } = {},
): Promise<RawResponse> {
  const { method = 'GET', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}
