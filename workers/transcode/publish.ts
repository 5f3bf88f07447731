/** Puts a packaged asset into the object store in the order that makes the manifest the commit. */
import pLimit from 'p-limit';
import type { Asset } from '../../shared/domain/asset.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import { type Manifest, sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import { openContent, storedObjectOf } from './digest.ts';
import type { PackagedAsset, PackagedFile } from './package.ts';
import type { Recipe } from './recipe.ts';

const uploadsAtOnce = 4;

/**
 * Uploads all files: media first, and only when all of it is there the playlists that name it. What an earlier attempt
 * left is overwritten with the same bytes; what lies in its place already is left there.
 */
export async function uploadFiles(
  store: Pick<ObjectStore, 'put'>,
  place: { readonly assetId: string; readonly version: string },
  files: readonly PackagedFile[],
  signal: AbortSignal,
  onShare: (share: number) => void,
): Promise<void> {
  const totalBytes = sizeOf(files);
  let sentBytes = 0;
  const put = async ({ facts, content }: PackagedFile): Promise<void> => {
    signal.throwIfAborted();
    const { sizeBytes, sha256 } = facts;
    const key = storeKeys.media({ ...place, path: facts.path });
    if (storedObjectOf(content)?.key !== key) {
      const body = content instanceof Uint8Array ? content : openContent(content);
      await store.put(key, body, { sizeBytes, sha256, signal });
    }
    sentBytes += sizeBytes;
    onShare(sentBytes / totalBytes);
  };
  const isPlaylist = ({ facts }: PackagedFile): boolean => facts.role === 'playlist';
  for (const group of [files.filter((file) => !isPlaylist(file)), files.filter(isPlaylist)]) {
    const limit = pLimit(uploadsAtOnce);
    const settled = await Promise.allSettled(group.map((file) => limit(put, file)));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

export function makeManifest(
  asset: Asset,
  version: string,
  recipe: Recipe,
  { durationS, renditions, files, playlists, encryption, images }: PackagedAsset,
  createdAt: string,
): Manifest {
  return {
    schema: 1,
    assetId: asset.id,
    version,
    title: asset.title,
    createdAt,
    durationS,
    packaging: recipe.packaging,
    sliceSizeBytes,
    sizeBytes: sizeOf(files),
    source: { sha256: asset.source.sha256, sizeBytes: asset.source.sizeBytes },
    recipe: { profile: recipe.profileName, packager: recipe.packager, encoder: recipe.encoder },
    ...(encryption ? { encryption } : {}),
    playlists,
    ...(images ? { images } : {}),
    renditions,
    files: files.map(({ facts }) => facts),
  };
}

const sizeOf = (files: readonly PackagedFile[]): number => files.reduce((sum, { facts }) => sum + facts.sizeBytes, 0);
