/** One encoded file, measured and cut: what its playlists and the manifest say of it. */
import { writeFile } from 'node:fs/promises';
import type { Rendition } from '../../shared/domain/manifest.ts';
import { type IframeRendition, targetDurationOf } from '../../shared/hls/build.ts';
import { fps } from '../../shared/media/frame-rate.ts';
import { UnplayableSourceError } from '../../shared/media/unplayable.ts';
import { bandwidthOf, cutSegments, type IframeSpan, iframesOf, type Segment } from './cut.ts';
import { openContent, type Part } from './digest.ts';
import type { AudioOutput, EncodeOutput, EncodePlan } from './encode-args.ts';
import { type MeasuredTrack, measureTrack } from './measure.ts';

export interface CutRendition {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  /** As it is published. */
  readonly bytes: TrackBytes;
  readonly track: MeasuredTrack;
  /** As it was encoded: the same where nothing is encrypted. */
  readonly clear: EncodedTrack;
  readonly segments: readonly Segment[];
  /** Empty for sound, and where playlists cannot name them. */
  readonly iframes: readonly IframeSpan[];
  readonly facts: Rendition & { readonly kind: 'video' | 'audio' };
  readonly iframeFacts: IframeRendition | null;
}

/** Where a part of the encoded file lies. */
export type TrackBytes = (offset: number, sizeBytes: number) => readonly Part[];

/** An encoded file, wherever its bytes are. */
export interface EncodedTrack {
  readonly track: MeasuredTrack;
  readonly bytes: TrackBytes;
}

/** What is published of an encoded track, cut into segments. */
export interface PublishedTrack extends EncodedTrack {
  readonly clear: EncodedTrack;
  readonly segments: readonly Segment[];
  readonly hasIframes: boolean;
}

/** Makes of an encoded track what is published of it. */
export type PrepareTrack = (
  id: string,
  kind: CutRendition['kind'],
  encoded: EncodedTrack,
  segmentS: number,
) => Promise<PublishedTrack>;

export interface CutAsset {
  readonly renditions: readonly CutRendition[];
  /** The one target duration of all playlists. */
  readonly targetDurationS: number;
  readonly durationS: number;
}

interface Measured extends PublishedTrack {
  readonly output: EncodeOutput | AudioOutput;
  readonly kind: 'video' | 'audio';
}

/** What one encode wrote, as local files. */
export async function localTrack({ path }: EncodeOutput): Promise<EncodedTrack | null> {
  const track = await measureTrack(path);
  return track && { track, bytes: (offset, sizeBytes) => [{ path, offset, sizeBytes }] };
}

/** The file that an encoded track is; of one that lies elsewhere a copy, whose digests were checked. */
export async function localPath({ bytes, track }: EncodedTrack, copy: string): Promise<string> {
  const last = track.fragments.at(-1);
  const content = bytes(0, last ? last.offset + last.sizeBytes : track.initSizeBytes);
  const [first, ...others] = content;
  if (first && 'path' in first && others.length === 0) return first.path;
  await writeFile(copy, openContent(content));
  return copy;
}

/** Published as it was encoded. */
const asItIs: PrepareTrack = async (_id, kind, encoded, segmentS) => ({
  ...encoded,
  clear: encoded,
  segments: cutSegments(encoded.track, segmentS),
  hasIframes: kind === 'video',
});

/**
 * @throws UnplayableSourceError when nothing came out; Error when the renditions do not fit each other, which is a bug in
 * the encode.
 */
export async function cutAsset(
  plan: EncodePlan,
  encoded: (output: EncodeOutput) => Promise<EncodedTrack | null> = localTrack,
  prepare: PrepareTrack = asItIs,
): Promise<CutAsset> {
  const measured: Measured[] = [];
  const measure = async (output: EncodeOutput, kind: Measured['kind']): Promise<void> => {
    const found = await encoded(output);
    if (!found && kind === 'video') throw nothingDecoded('picture');
    // A camera may write the header of a sound track and no sound.
    if (!found) return;
    measured.push({ output, kind, ...(await prepare(output.id, kind, found, plan.recipe.segmentS)) });
  };
  for (const output of plan.video) await measure(output, 'video');
  for (const output of plan.audio) await measure(output, 'audio');
  if (measured.length === 0) throw nothingDecoded('sound');
  checkAligned(measured);
  const durations = measured.flatMap(({ track, segments }) =>
    segments.map(({ durationTicks }) => durationTicks / track.timescale),
  );
  const targetDurationS = targetDurationOf(durations);
  return {
    renditions: measured.map((one) => describe(one, targetDurationS, plan)),
    targetDurationS,
    durationS: Math.max(...measured.map(({ track }) => track.durationTicks / track.timescale)),
  };
}

function describe(
  { output, kind, track, bytes, clear, segments, hasIframes }: Measured,
  targetDurationS: number,
  { ladder }: EncodePlan,
): CutRendition {
  const { id } = output;
  const { timescale } = track;
  const { peakBps, averageBps } = bandwidthOf(segments, timescale, targetDurationS);
  const iframes = hasIframes ? iframesOf(track, segments) : [];
  const iframeTargetS = targetDurationOf(iframes.map(({ durationTicks }) => durationTicks / timescale));
  const iframeBps = bandwidthOf(iframes, timescale, iframeTargetS);
  return {
    id,
    kind,
    bytes,
    track,
    clear,
    segments,
    iframes,
    facts: {
      id,
      kind,
      codecs: track.codecs,
      bandwidthBps: peakBps,
      averageBandwidthBps: averageBps,
      width: track.width,
      height: track.height,
      frameRate: kind === 'video' && ladder ? fps(ladder.frameRate) : null,
      ...(track.videoRange && track.videoRange !== 'SDR' ? { videoRange: track.videoRange } : {}),
      channels: track.channels,
      sampleRateHz: track.sampleRateHz,
      ...('track' in output ? { language: output.language, name: output.name } : {}),
      playlist: `${id}/index.m3u8`,
    },
    iframeFacts:
      iframes.length > 0
        ? {
            playlist: `${id}/iframes.m3u8`,
            bandwidthBps: iframeBps.peakBps,
            averageBandwidthBps: iframeBps.averageBps,
          }
        : null,
  };
}

const nothingDecoded = (what: 'picture' | 'sound'): UnplayableSourceError =>
  new UnplayableSourceError(
    'not-decodable',
    `Not one ${what === 'sound' ? 'packet of sound' : 'picture'} of the file could be decoded; it is damaged, or not what its header says. Re-export it and upload that.`,
  );

/** Players switch between rungs at segment boundaries, so these must be the same in all. */
function checkAligned(measured: readonly Measured[]): void {
  const [first, ...others] = measured.filter(({ kind }) => kind === 'video');
  const boundaries = ({ track, segments }: Measured): string =>
    JSON.stringify([track.timescale, segments.map(({ startTicks, durationTicks }) => [startTicks, durationTicks])]);
  for (const other of others)
    if (first && boundaries(other) !== boundaries(first))
      throw new Error(`${other.output.id} and ${first.output.id} have different segment boundaries`);
}
