/** Published assets, regions and appliances of a test, written through the real ports. */
import { createHash, randomBytes } from 'node:crypto';
import type { Appliance, Region } from '../domain/fleet.ts';
import { storeKeys } from '../domain/keys.ts';
import { type Manifest, type ManifestFile, sliceSizeBytes } from '../domain/manifest.ts';
import type { Catalogue } from '../ports/catalogue.ts';
import type { Documents } from '../ports/documents.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { makeTestAsset } from './catalogue-contract.ts';

const stamp = '2026-11-01T00:00:00.000Z';
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const makeTestRegion = (id: string, changes: Partial<Region> = {}): Region => ({
  id,
  name: id,
  timeZone: 'Europe/Berlin',
  window: { start: '01:00', end: '05:00' },
  budget: { bytesPerNight: 1e12, rateBps: 1e9 },
  coverage: { networks: [], location: null },
  fillEnabled: true,
  createdAt: stamp,
  updatedAt: stamp,
  ...changes,
});

export const makeTestAppliance = (
  id: string,
  regionId: string,
  url: string,
  changes: Partial<Appliance> = {},
): Appliance => ({
  id,
  regionId,
  role: 'edge',
  mode: 'active',
  publicUrl: url,
  internalUrl: url,
  capacityBytes: 1e10,
  weight: 1,
  createdAt: stamp,
  updatedAt: stamp,
  ...changes,
});

export interface PublishPorts {
  readonly store: ObjectStore;
  readonly documents: Documents;
  readonly catalogue: Catalogue;
}

/** Publishes an asset of one rendition whose segments have the given sizes and random bytes. */
export async function publishTestAsset(
  { store, documents, catalogue }: PublishPorts,
  assetId: string,
  segmentBytes: readonly number[],
): Promise<Manifest> {
  const version = 'v1';
  const put = async (path: string, role: ManifestFile['role'], sizeBytes: number, index: number | null) => {
    const bytes = randomBytes(sizeBytes);
    await store.put(storeKeys.media({ assetId, version, path }), bytes);
    const slices = Array.from({ length: Math.ceil(sizeBytes / sliceSizeBytes) }, (_, at) =>
      sha256(bytes.subarray(at * sliceSizeBytes, (at + 1) * sliceSizeBytes)),
    );
    const file: ManifestFile = {
      path,
      role,
      sizeBytes,
      sha256: sha256(bytes),
      ...(slices.length > 1 ? { sliceSha256: slices } : {}),
      contentType: role === 'playlist' ? 'application/vnd.apple.mpegurl' : 'video/mp4',
      rendition: role === 'playlist' ? null : 'video-360p',
      index,
      startS: index === null ? null : index * 4,
      durationS: index === null ? null : 4,
    };
    return file;
  };
  const files = [await put('master.m3u8', 'playlist', 400, null), await put('video-360p/init.mp4', 'init', 700, null)];
  for (const [index, size] of segmentBytes.entries()) {
    files.push(await put(`video-360p/${index}.m4s`, 'segment', size, index));
  }
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const manifest: Manifest = {
    schema: 1,
    assetId,
    version,
    title: assetId,
    createdAt: stamp,
    durationS: segmentBytes.length * 4,
    packaging: 'segments',
    sliceSizeBytes,
    sizeBytes,
    source: { sha256: '0'.repeat(64), sizeBytes: 1 },
    recipe: { profile: 'standard', packager: 'test', encoder: 'test' },
    playlists: { hls: 'master.m3u8', dash: 'master.m3u8' },
    renditions: [
      {
        id: 'video-360p',
        kind: 'video',
        codecs: 'avc1.64001e',
        bandwidthBps: 1_000_000,
        averageBandwidthBps: 900_000,
        width: 640,
        height: 360,
        frameRate: 25,
        channels: null,
        sampleRateHz: null,
        playlist: 'master.m3u8',
      },
    ],
    files,
  };
  await documents.putManifest(manifest);
  await catalogue.create(
    makeTestAsset(assetId, { state: 'published', version, sizeBytes, sourceKey: null, publishedAt: stamp }),
  );
  return manifest;
}
