/** The files of one asset version in the order in which they are worth pushing. */
import { manifestName } from '../keys.ts';
import type { Manifest, ManifestFile, Rendition } from '../manifest.ts';

/** What the planner reads of a manifest's file; the rest is for those who send and serve it. */
export type PlannableFile = Pick<
  ManifestFile,
  'path' | 'role' | 'sizeBytes' | 'sha256' | 'rendition' | 'index' | 'startS' | 'durationS'
>;

/** A published version: its manifest, and `asset.json` itself, which no manifest lists. */
export interface PlannableVersion {
  readonly manifest: Pick<Manifest, 'assetId' | 'version' | 'durationS' | 'renditions'> & {
    readonly files: readonly PlannableFile[];
  };
  readonly manifestFile: { readonly sizeBytes: number; readonly sha256: string };
}

/** Those of a manifest, in order; nothing is copied, since a plan looks at millions of them. */
export interface OrderedFiles {
  readonly files: readonly PlannableFile[];
  /** So many of them come first: `asset.json`, playlists and init segments, without which no other byte can be checked or played, and text. */
  readonly baseCount: number;
}

/**
 * `asset.json`, then playlists, init segments and text, which is tiny, then the media: audio, then video from the lowest bandwidth up, each
 * from its beginning, and at last pictures. At equal worth the lower rendition goes first, since it lets a viewer play at
 * all.
 */
export function orderedFiles({ manifest, manifestFile }: PlannableVersion): OrderedFiles {
  const order = new Map([...manifest.renditions].sort(byLightness).map(({ id }, index) => [id, index]));
  const texts = new Set(manifest.renditions.filter(({ kind }) => kind === 'text').map(({ id }) => id));
  const rank = ({ role, rendition }: PlannableFile): number =>
    role !== 'playlist' && texts.has(rendition ?? '') ? roleRank.init : roleRank[role];
  const place = (file: PlannableFile): number => order.get(file.rendition ?? '') ?? -1;
  const files = [...manifest.files].sort(
    (a, b) => rank(a) - rank(b) || place(a) - place(b) || (a.index ?? 0) - (b.index ?? 0) || (a.path < b.path ? -1 : 1),
  );
  const own: PlannableFile = {
    path: manifestName,
    role: 'playlist',
    ...manifestFile,
    rendition: null,
    index: null,
    startS: null,
    durationS: null,
  };
  const media = files.findIndex((file) => rank(file) >= roleRank.segment);
  return { files: [own, ...files], baseCount: 1 + (media < 0 ? files.length : media) };
}

const roleRank = { playlist: 0, init: 1, segment: 2, media: 2, preview: 3 } as const;

const byLightness = (a: Rendition, b: Rendition): number =>
  Number(a.kind === 'video') - Number(b.kind === 'video') || a.bandwidthBps - b.bandwidthBps || (a.id < b.id ? -1 : 1);

/**
 * Where in the title a file's media begin and end, 0 … 1; the whole of it for what is no segment. By time where the manifest says it,
 * else by the segment's number among those of its rendition.
 */
export function spansOf({ durationS, files }: PlannableVersion['manifest']) {
  const counts = new Map<string, number>();
  for (const { rendition, index } of files)
    if (rendition !== null && index !== null) counts.set(rendition, Math.max(counts.get(rendition) ?? 0, index + 1));
  return ({ role, rendition, index, startS, durationS: lengthS }: PlannableFile): { from: number; to: number } => {
    if (role !== 'segment') return { from: 0, to: 1 };
    if (startS !== null && lengthS !== null && durationS > 0) {
      const from = Math.min(1, startS / durationS);
      return { from, to: Math.min(1, from + lengthS / durationS) };
    }
    const count = counts.get(rendition ?? '') ?? 1;
    return { from: (index ?? 0) / count, to: ((index ?? 0) + 1) / count };
  };
}
