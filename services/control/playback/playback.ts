import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Asset } from '../../../shared/domain/asset.ts';
import { playableFromMs } from '../../../shared/domain/embargo.ts';
import { clearKeyPath, type Encryption } from '../../../shared/domain/encryption.ts';
import type { ApplianceView } from '../../../shared/domain/fleet.ts';
import { formatObjectKey } from '../../../shared/domain/keys.ts';
import type { Manifest } from '../../../shared/domain/manifest.ts';
import { makeCoverageIndex } from '../../../shared/domain/routing/coverage.ts';
import { parseAddress } from '../../../shared/domain/routing/network.ts';
import { type Route, routeViewer, type Spread } from '../../../shared/domain/routing/route-viewer.ts';
import { type RegionChoice, selectRegion, type Viewer } from '../../../shared/domain/routing/select-region.ts';
import type { Logger } from '../../../shared/platform/logger.ts';
import { Problem } from '../../../shared/platform/problem.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Documents } from '../../../shared/ports/documents.ts';
import type { Fleet } from '../../../shared/ports/fleet.ts';
import type { SigningKey } from '../../../shared/tokens/keys.ts';
import { signPlaybackToken } from '../../../shared/tokens/playback.ts';
import type { Playback } from '../schemas/playback.ts';
import { makeCopiesOf } from './copies.ts';

export interface PlaybackDeps {
  readonly catalogue: Catalogue;
  readonly documents: Documents;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signingKey: SigningKey;
  readonly defaultTtlMs: number;
  /** Empty: the first region by id. */
  readonly defaultRegion: string;
}

export interface PlaybackInput {
  readonly assetId: string;
  readonly region?: string;
  readonly ip?: string;
  readonly ttlS?: number;
  /** Address that the request came from, used where neither `region` nor `ip` is given. */
  readonly requestIp: string;
}

export type StartPlayback = ReturnType<typeof makeStartPlayback>;

/** Chooses where a viewer plays an asset, says why, and signs the URLs. */
export function makeStartPlayback(deps: PlaybackDeps) {
  const { catalogue, fleet, clock } = deps;
  const playlistsOf = makePlaylists(deps.documents);
  const copiesOf = makeCopiesOf(deps);

  return async (input: PlaybackInput): Promise<Playback> => {
    const asset = await catalogue.get(input.assetId);
    const { version, early } = playable(input.assetId, asset);
    const viewer = viewerOf(input);
    const route = await findRoute(input.assetId, viewer);
    if (asset) await refuseEmbargoed(asset, route.region.regionId);
    const playlists = early ?? (await playlistsOf(input.assetId, version));

    const expiresAtS = Math.floor(
      (clock.now() + (input.ttlS === undefined ? deps.defaultTtlMs : input.ttlS * 1_000)) / 1_000,
    );
    const session = randomUUID();
    const token = await signPlaybackToken({
      key: deps.signingKey,
      assetId: input.assetId,
      version,
      expiresAtS,
      sessionId: session,
    });
    const [best] = route.appliances;
    const url = (path: string) =>
      `${best?.publicUrl}/t/${token}/v/${formatObjectKey({ assetId: input.assetId, version, path })}`;
    return {
      assetId: input.assetId,
      version,
      state: early ? 'growing' : 'published',
      session,
      hls: url(playlists.hls),
      dash: playlists.dash === null ? null : url(playlists.dash),
      encryption: playlists.encryption,
      clearKey: playlists.encryption === 'cbcs' ? url(clearKeyPath) : null,
      region: { id: route.region.regionId, reason: route.region.reason, detail: route.explanation },
      appliances: route.appliances.map((appliance, index) => describe(appliance, index, input.assetId)),
      expiresAt: new Date(expiresAtS * 1_000).toISOString(),
    };
  };

  /** What nobody signs cannot be played: appliances need know nothing of premieres. */
  async function refuseEmbargoed(asset: Asset, regionId: string): Promise<void> {
    if (!asset.premieresAt && !asset.premiereDate) return;
    const timeZone = (await fleet.getRegion(regionId))?.timeZone ?? 'UTC';
    const fromMs = playableFromMs(asset, timeZone);
    const leftMs = fromMs === null ? 0 : fromMs - clock.now();
    if (fromMs === null || leftMs <= 0) return;
    const at = new Date(fromMs).toISOString();
    throw new Problem('embargoed', `${asset.id} can be played in ${regionId} from ${at} on; ask again then.`, {
      headers: { 'retry-after': String(Math.ceil(leftMs / 1_000)) },
    });
  }

  async function findRoute(assetId: string, viewer: Viewer): Promise<Route> {
    const [regions, appliances] = await Promise.all([fleet.listRegions(), fleet.listAppliances()]);
    if (viewer.regionId !== undefined && !regions.some(({ id }) => id === viewer.regionId)) {
      throw new Problem('region-not-found', `There is no region ${viewer.regionId}; GET /v1/regions lists them.`);
    }
    const coverage = makeCoverageIndex(regions);
    const defaultRegion = deps.defaultRegion ? { defaultRegionId: deps.defaultRegion } : {};
    const choice = selectRegion({ viewer, regions, coverage, ...defaultRegion });
    const route = choice && routeViewer(assetId, choice, appliances, await spreadOf(assetId, choice, viewer));
    if (!route) throw new Problem('no-appliance-available', whyNone(appliances), { headers: { 'retry-after': '5' } });
    return route;
  }

  async function spreadOf(assetId: string, choice: RegionChoice, viewer: Viewer): Promise<Spread> {
    const candidates = [choice, ...choice.alternatives].map(({ regionId }) => regionId);
    const copies = await Promise.all(candidates.map((regionId) => copiesOf(regionId, assetId)));
    const byRegion = new Map(candidates.map((regionId, index) => [regionId, copies[index] ?? 1]));
    return { copiesIn: (regionId) => byRegion.get(regionId) ?? 1, viewerKey: viewerKeyOf(viewer) };
  }
}

/** An answer to who a viewer is that is the same each time; viewers whose address is not given are spread by chance. */
const viewerKeyOf = ({ ip }: Viewer): string => ip ?? randomUUID();

interface Playable {
  readonly version: string;
  /** Set while it is being made. */
  readonly early: (Manifest['playlists'] & { readonly encryption: Encryption }) | null;
}

function playable(id: string, asset: Asset | null): Playable {
  if (!asset) throw new Problem('asset-not-found', `There is no asset ${id}; GET /v1/assets lists them.`);
  if (asset.state === 'deleted') throw new Problem('gone', `Asset ${id} was deleted.`);
  // A version made before plays on while a new one is being made.
  if (asset.version) return { version: asset.version, early: null };
  if (asset.state === 'transcoding' && asset.early) {
    const { version, hls } = asset.early;
    return { version, early: { hls, dash: null, encryption: 'none' } };
  }
  const why = asset.failure ? `: ${asset.failure.reason}` : '';
  throw new Problem('asset-not-published', `Asset ${id} is ${asset.state}${why}; it plays once it is published.`);
}

function viewerOf({ region, ip, requestIp }: PlaybackInput): Viewer {
  if (ip !== undefined && !parseAddress(ip)) {
    throw new Problem('invalid-request', `ip must be an IPv4 or IPv6 address (got ${JSON.stringify(ip)}).`);
  }
  if (region !== undefined) return { regionId: region, ...(ip === undefined ? {} : { ip }) };
  return { ip: ip ?? requestIp };
}

function whyNone(appliances: readonly ApplianceView[]): string {
  const edges = appliances.filter(({ role }) => role === 'edge');
  if (edges.length === 0) return 'There is no edge yet; add one with POST /v1/appliances and start it.';
  const states = edges.map(({ id, mode, health }) => `${id} is ${mode === 'active' ? health : mode}`).slice(0, 10);
  return `No edge may serve: ${states.join(', ')}.`;
}

const describe = ({ id, regionId }: ApplianceView, index: number, assetId: string) => ({
  id,
  region: regionId,
  reason:
    index === 0
      ? `ranks first for ${assetId} among the serving edges of ${regionId}`
      : `ranks ${index + 1} for ${assetId}; takes over when those before it cannot serve`,
});

/** Playlists' names of versions, remembered: versions never change, and manifests are long. */
function makePlaylists(documents: Documents) {
  const remembered = new LRUCache<string, Manifest['playlists'] & { readonly encryption: Encryption }>({ max: 10_000 });
  return async (assetId: string, version: string) => {
    const name = `${assetId}/${version}`;
    const known = remembered.get(name);
    if (known) return known;
    const manifest = await documents.getManifest(assetId, version);
    if (!manifest) {
      throw new Problem(
        'asset-not-published',
        `The manifest of version ${version} of asset ${assetId} is missing from the object store.`,
      );
    }
    const { hls, dash } = manifest.playlists;
    const found = { hls, dash, encryption: manifest.encryption?.scheme ?? ('none' as const) };
    remembered.set(name, found);
    return found;
  };
}
