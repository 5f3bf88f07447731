/**
 * A store of many small slices, brought in through the product's own cache, and titles whose files they are: `title-7/v1/…`
 * of the sizes and bytes that `fileOf` says, so that every stored byte can be held against what it must be.
 */
import { createHash, hash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openSliceCache } from '../../../shared/adapters/slice-cache/slice-cache.ts';
import type { Manifest, ManifestFile } from '../../../shared/domain/manifest.ts';
import { sliceSizeBytes } from '../../../shared/domain/manifest.ts';
import type { SegmentCache } from '../../../shared/ports/segment-cache.ts';

export const version = 'v1';
export const filesATitle = 1_000;
export const titleOf = (number: number): string => `title-${number}`;
export const pathOf = (at: number): string => `video-720p/segment-${at}.m4s`;

/** Bytes without a pattern, a few hundred to a few thousand, the same for the same name. */
export function fileOf(title: number, at: number): Buffer {
  const seed = createHash('sha256').update(`${title} ${at}`).digest();
  const bytes = Buffer.allocUnsafe(400 + (seed.readUInt16LE(0) % 3_000));
  for (let from = 0; from < bytes.length; from += seed.length) {
    seed.copy(bytes, from);
    seed.writeUInt32LE((seed.readUInt32LE(0) + 0x9e3779b9) >>> 0, 0);
  }
  return bytes;
}

export function manifestOf(title: number): { readonly bytes: Buffer; readonly files: readonly ManifestFile[] } {
  const files = Array.from({ length: filesATitle - 1 }, (_, at): ManifestFile => {
    const bytes = fileOf(title, at);
    return {
      path: pathOf(at),
      role: 'segment',
      sizeBytes: bytes.length,
      sha256: hash('sha256', bytes, 'hex'),
      contentType: 'video/mp4',
      rendition: 'video-720p',
      index: at,
      startS: at * 4,
      durationS: 4,
    };
  });
  const manifest: Manifest = {
    schema: 1,
    assetId: titleOf(title),
    version,
    title: titleOf(title),
    createdAt: '2026-11-20T12:00:00.000Z',
    durationS: 4 * files.length,
    packaging: 'segments',
    sliceSizeBytes,
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    source: { sha256: '0'.repeat(64), sizeBytes: 1 },
    recipe: { profile: 'bench', packager: 'bench', encoder: 'bench' },
    playlists: { hls: 'list.m3u8', dash: 'list.mpd' },
    renditions: [],
    files,
  };
  return { bytes: Buffer.from(JSON.stringify(manifest)), files };
}

export const openStore = (applianceDir: string): Promise<SegmentCache> => {
  mkdirSync(applianceDir, { recursive: true });
  return openSliceCache({ dir: join(applianceDir, 'cache'), capacityBytes: 1e12, memoryBytes: 256e6 });
};

/** Brings in a title, its manifest first; `pinned` as a fill does. */
export async function storeTitle(cache: SegmentCache, title: number, pinned: boolean): Promise<void> {
  const { bytes, files } = manifestOf(title);
  const sha256 = hash('sha256', bytes, 'hex');
  const slice = { index: 0, offset: 0, sizeBytes: bytes.length, sha256 };
  const manifestKey = `${titleOf(title)}/${version}/asset.json`;
  const stored = [await cache.write(manifestKey, slice, bytes, { pinned })];
  const write = async (from: number): Promise<void> => {
    for (let at = from; at < files.length; at += writers) {
      const { path, sizeBytes, sha256 } = files[at] ?? { path: '', sizeBytes: 0, sha256: '' };
      const key = `${titleOf(title)}/${version}/${path}`;
      stored.push(await cache.write(key, { index: 0, offset: 0, sizeBytes, sha256 }, fileOf(title, at), { pinned }));
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, from) => write(from)));
  const failed = stored.find((outcome) => outcome !== 'stored' && outcome !== 'already-held');
  if (failed) throw new Error(`${titleOf(title)} could not be stored: ${failed}`);
}
const writers = 8;
