/**
 * What a film's first chunks are as a version that can be played: pure but for reading what is stored.
 *
 * The same steps as for the whole film cut it, so that what is listed now is what will be published. Without I-frames,
 * pictures, text and DASH, which come with the rest.
 */
import type { GrowingVersion } from '../../shared/domain/growing.ts';
import { type ManifestFile, type Rendition, sliceSizeBytes } from '../../shared/domain/manifest.ts';
import { buildMasterPlaylist, buildMediaPlaylist } from '../../shared/hls/build.ts';
import type { EncodePlan } from './encode-args.ts';
import { joinTrack } from './join.ts';
import { initName, layOut } from './layout.ts';
import { type PackagedFile, packaged, playlistPaths } from './package.ts';
import { type CutRendition, cutAsset } from './rendition.ts';
import type { PartFacts, Place } from './work.ts';

export interface GrownVersion {
  readonly document: GrowingVersion;
  /** What lies nowhere yet: the initialisation parts. */
  readonly inits: readonly PackagedFile[];
}

/** Headers of fragments beside the samples that the encoder budgets. */
const containerShare = 1.02;

/**
 * Null where a chunk after the first wants another target duration, which may not change (RFC 8216 §6.2.1).
 *
 * @param chunks the film's first ones, at least one; they must fit each other.
 * @throws Error when the renditions do not fit each other.
 */
export async function growVersion(
  store: Parameters<typeof joinTrack>[0],
  { assetId, version }: Pick<Place, 'assetId' | 'version'>,
  plan: EncodePlan,
  { sound, chunks }: { readonly sound: readonly PartFacts[]; readonly chunks: readonly PartFacts[] },
  createdAt: string,
): Promise<GrownVersion | null> {
  const cut = (some: readonly PartFacts[]) =>
    cutAsset(plan, async (output) => joinTrack(store, 'track' in output ? sound : some, output.id));
  const { renditions, targetDurationS } = await cut(chunks);
  if ((await cut(chunks.slice(0, 1))).targetDurationS !== targetDurationS) return null;
  const shown = renditions.find(({ kind }) => kind === 'video')?.segments.length ?? 0;
  const files: PackagedFile[] = [];
  const texts: Record<string, string> = {};
  const addText = async (path: string, text: string, rendition: string | null): Promise<void> => {
    texts[path] = text;
    files.push(await packaged(path, 'playlist', Buffer.from(text), { rendition }));
  };
  for (const rendition of renditions) {
    // All sound is there; of it as much is told as of the picture.
    const begun = { ...rendition, segments: rendition.segments.slice(0, shown), iframes: [] };
    const layout = layOut(begun, 'segments', targetDurationS);
    for (const { name, role, content, ...place } of layout.files)
      files.push(await packaged(`${rendition.id}/${name}`, role, content, { rendition: rendition.id, ...place }));
    const segments = layout.files.flatMap(({ name, durationS }) =>
      durationS === null ? [] : { uri: name, durationS },
    );
    const playlist = buildMediaPlaylist({ map: { uri: initName }, segments, targetDurationS, isGrowing: true });
    await addText(rendition.facts.playlist, playlist, rendition.id);
  }
  const described = renditions.map((rendition) => withBound(rendition, plan, targetDurationS));
  await addText(playlistPaths.hls, buildMasterPlaylist(described), null);
  return {
    inits: files.filter(({ facts }) => facts.role === 'init'),
    document: {
      schema: 1,
      assetId,
      version,
      createdAt,
      sliceSizeBytes,
      renditions: described,
      playlists: { hls: playlistPaths.hls, dash: null },
      files: files.map(({ facts }): ManifestFile => facts),
      growing: { revision: chunks.length, targetDurationS, texts },
    },
  };
}

/** No segment that is yet to come has more bits than the encoder's budget: its peak rate for so long, and a full buffer. */
function withBound({ facts }: CutRendition, { ladder }: EncodePlan, targetDurationS: number): Rendition {
  const rung = ladder?.rungs.find(({ id }) => id === facts.id);
  if (!rung) return facts;
  const bound = Math.ceil((rung.maxRateBps + rung.bufferBits / targetDurationS) * containerShare);
  return { ...facts, bandwidthBps: Math.max(facts.bandwidthBps, bound) };
}
