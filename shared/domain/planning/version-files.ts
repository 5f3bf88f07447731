/** The files of one asset version in the order in which they are worth pushing. */
import { formatObjectKey, manifestName } from '../keys.ts';
import type { Manifest, ManifestFile, Rendition } from '../manifest.ts';

/** A published version: its manifest, and `asset.json` itself, which no manifest lists. */
export interface PlannableVersion {
  readonly manifest: Manifest;
  readonly manifestFile: { readonly sizeBytes: number; readonly sha256: string };
}

export interface VersionFile {
  readonly key: string;
  readonly rendition: string | null;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** `asset.json`, playlists and init segments, without which no other byte can be checked or played, and text. */
  readonly base: boolean;
}

/**
 * `asset.json`, then playlists, init segments and text, which is tiny, then the media: audio, then video from the lowest bandwidth up, each
 * from its beginning, and at last pictures. Bytes of one asset are worth the same everywhere in it, because a rendition's share of the demand
 * and its share of the size both are its bandwidth; at equal worth the lower rendition goes first, since it lets a
 * viewer play at all.
 */
export function orderedFiles({ manifest, manifestFile }: PlannableVersion): VersionFile[] {
  const { assetId, version } = manifest;
  const order = new Map([...manifest.renditions].sort(byLightness).map(({ id }, index) => [id, index]));
  const texts = new Set(manifest.renditions.filter(({ kind }) => kind === 'text').map(({ id }) => id));
  const rank = ({ role, rendition }: ManifestFile): number =>
    role !== 'playlist' && texts.has(rendition ?? '') ? roleRank.init : roleRank[role];
  const place = (file: ManifestFile): number => order.get(file.rendition ?? '') ?? -1;
  const files = [...manifest.files].sort(
    (a, b) => rank(a) - rank(b) || place(a) - place(b) || (a.index ?? 0) - (b.index ?? 0) || (a.path < b.path ? -1 : 1),
  );
  return [
    {
      key: formatObjectKey({ assetId, version, path: manifestName }),
      rendition: null,
      ...manifestFile,
      base: true,
    },
    ...files.map((file) => ({
      key: formatObjectKey({ assetId, version, path: file.path }),
      rendition: file.rendition,
      sizeBytes: file.sizeBytes,
      sha256: file.sha256,
      base: rank(file) < roleRank.segment,
    })),
  ];
}

const roleRank = { playlist: 0, init: 1, segment: 2, media: 2, preview: 3 } as const;

const byLightness = (a: Rendition, b: Rendition): number =>
  Number(a.kind === 'video') - Number(b.kind === 'video') || a.bandwidthBps - b.bandwidthBps || (a.id < b.id ? -1 : 1);
