/** ffmpeg's command line for one ladder: pure, so that it can be read and compared. */
import type { SourceInfo } from '../../shared/domain/asset.ts';
import { containedInput } from '../../shared/media/containment.ts';
import type { FrameRate } from '../../shared/media/frame-rate.ts';
import { type Chunk, overlapFrames } from './chunks.ts';
import { isRgb } from './colour.ts';
import type { Ladder, Rung } from './ladder.ts';
import { filtersOf, type Picture, pictureOf } from './picture.ts';
import type { Recipe } from './recipe.ts';
import { relativeWork, videoEncoderArgs } from './video-encoders.ts';

/** One rendition's file, as ffmpeg writes it: an initialisation part, then fragments (CMAF chunks). */
export interface EncodeOutput {
  readonly id: string;
  readonly path: string;
}

export interface AudioOutput extends EncodeOutput {
  /** Which of the source's audio tracks, from 0 in its order. */
  readonly track: number;
  /** So much silence follows, where the picture or another track goes on. */
  readonly silenceS: number;
  readonly channels: number;
  readonly rateBps: number;
  readonly language: string | null;
  readonly name: string;
}

export interface EncodePlan {
  readonly inputPath: string;
  readonly source: Pick<SourceInfo, 'container' | 'durationS' | 'video'>;
  /** Null for sound alone. */
  readonly ladder: Ladder | null;
  readonly recipe: Recipe;
  /** One for each rung, in its order. */
  readonly video: readonly EncodeOutput[];
  readonly audio: readonly AudioOutput[];
  /** The last picture is shown for so much longer, where sound goes on. */
  readonly holdS: number;
  /** The part of the picture that is encoded, as a film of its own that begins at 0; absent: all of it. */
  readonly chunk?: ChunkCut;
}

export interface ChunkCut extends Chunk {
  /** Gets the hashes of the frames around both ends (ffmpeg's framemd5), before they are scaled. */
  readonly hashPath: string;
}

/** What one run of ffmpeg makes of a plan. */
export interface EncodePart {
  /** Indices into the ladder. */
  readonly rungs: readonly number[];
  readonly audio: boolean;
}

/** Broken time stamps must not fill the disk with repeated frames. */
export const longestEncodeS = (durationS: number): number => Math.ceil(durationS * 2 + 60);

export const audioSampleRateHz = 48_000;
/** Fine enough to cut audio within a quarter of a second of the video's boundaries, at 1% of its bytes. */
export const audioFragmentS = 0.5;

/** Where ffmpeg mends jumps of the clock by looking at all streams that it reads, so that runs could differ. */
const jumpingClocks = ['mpegts', 'mpeg', 'ogg'];

/**
 * Divides a plan among up to `runs` runs of ffmpeg of about equal work. How it is divided does not change the bytes:
 * every rung is made from the source by the same steps.
 */
export function divide({ source, ladder, audio }: EncodePlan, runs: number): EncodePart[] {
  const rungs = ladder?.rungs ?? [];
  const count = jumpingClocks.includes(source.container) ? 1 : Math.min(runs, rungs.length);
  const parts = Array.from({ length: Math.max(1, count) }, () => ({ rungs: [] as number[], work: 0 }));
  const lightest = () => parts.reduce((least, part) => (part.work < least.work ? part : least));
  for (const [index, { codec, width, height }] of rungs.entries()) {
    const part = lightest();
    part.rungs.push(index);
    part.work += width * height * relativeWork[codec];
  }
  const withAudio = audio.length > 0 ? lightest() : null;
  return parts.map((part) => ({ rungs: part.rungs, audio: part === withAudio }));
}

/**
 * - The frame rate is made constant before anything else, so that all rungs hold the same frames; time starts at 0 for
 *   picture and sound, with gaps filled.
 * - Keyframes are forced by time, not by count, so that they do not drift at 29.97; scene cuts make none.
 * - A packet that does not decode is no failure by itself (real Ogg files have thousands of empty ones): whether enough
 *   came out is judged by duration afterwards.
 * - Each encoder has one thread: under a bit rate limit, x264's frame and slice threads give other bytes on each run
 *   (measured). Several runs of ffmpeg use the cores instead.
 * - `bitexact` and no metadata: nothing of the clock, the machine or the source's tags (a phone's location) gets in.
 * - Fragments carry `cmfc`; an edit list takes the place of negative composition offsets, which ffmpeg-based players
 *   show late.
 */
export function encodeArgs(plan: EncodePlan, part: EncodePart): string[] {
  const audio = part.audio ? plan.audio : [];
  const limit = ['-t', `${longestEncodeS(plan.source.durationS)}`];
  return [
    ...['-nostdin', '-hide_banner', '-v', 'warning', '-y', '-progress', 'pipe:1', '-nostats', '-max_error_rate', '1'],
    ...pictureArgs(plan, part),
    ...hashArgs(plan, part),
    ...part.rungs.flatMap((index) => [...limit, ...videoArgs(plan, index)]),
    ...audio.flatMap((output, index) => [...limit, ...audioArgs(output, index)]),
  ];
}

/** From the source to the frames and the sound that are encoded: input and filters. */
export const pictureArgs = (plan: EncodePlan, part: EncodePart): string[] => [
  ...inputArgs(plan),
  ...containedInput(plan.inputPath),
  ...['-filter_complex_threads', '1', '-filter_complex', filterGraph(plan, part)],
];

/** A chunk keeps the source's clock, which begins at 0 as it does for the whole; what comes too early is cut by number. */
function inputArgs(plan: EncodePlan): string[] {
  const { seekS = null } = plan.chunk ?? {};
  const seek = seekS === null ? [] : ['-noaccurate_seek', '-ss', `${seekS}`];
  return isOgg(plan) || seek.length > 0 ? ['-copyts', '-start_at_zero', ...seek] : [];
}

/** The run that makes the first rung hashes the frames too. */
const hashesIn = ({ chunk }: EncodePlan, { rungs }: EncodePart): ChunkCut | null =>
  chunk && rungs.includes(0) ? chunk : null;

function hashArgs(plan: EncodePlan, part: EncodePart): string[] {
  const chunk = hashesIn(plan, part);
  return chunk ? ['-map', '[hash]', '-fps_mode', 'passthrough', '-f', 'framemd5', chunk.hashPath] : [];
}

/**
 * ffmpeg 5.1 gives Vorbis packets of some Ogg files times that run away and then shifts the picture after them. So Ogg's
 * own clock is kept for the picture, and its sound, which has no gaps by definition, is counted in samples.
 */
const isOgg = ({ source }: EncodePlan): boolean => source.container === 'ogg';

function filterGraph(plan: EncodePlan, part: EncodePart): string {
  return [...pictureChains(plan, part), ...(part.audio ? soundChains(plan) : [])].join(';');
}

function pictureChains(plan: EncodePlan, part: EncodePart): string[] {
  const { source, ladder, chunk } = plan;
  if (!ladder || part.rungs.length === 0) return [];
  const video = source.video ?? unknownVideo;
  const { rungs, frameRate } = ladder;
  const hold = plan.holdS > 0 ? `,tpad=stop_mode=clone:stop_duration=${plan.holdS}` : '';
  const constant = `[0:V:0]yadif=deint=interlaced,fps=${frameRate.numerator}/${frameRate.denominator}:start_time=0${hold}`;
  const decoded = [...(chunk ? cutChains(constant, chunk, hashesIn(plan, part) !== null) : [constant])].join(',');
  const looks = new Map<string, { readonly picture: Picture; readonly all: Rung[]; readonly wanted: number[] }>();
  for (const [index, rung] of rungs.entries()) {
    const picture = pictureOf(rung.codec, video);
    const key = `${picture.range}${picture.bits}`;
    const look = looks.get(key) ?? { picture, all: [], wanted: [] };
    looks.set(key, look);
    look.all.push(rung);
    if (part.rungs.includes(index)) look.wanted.push(index);
  }
  const used = [...looks.values()].filter(({ wanted }) => wanted.length > 0);
  const chains = used.flatMap(({ picture, all, wanted }, number) => {
    // The largest of all, not of this part: a rung is made by the same steps whoever makes it.
    const [largest] = all.toSorted((a, b) => b.width * b.height - a.width * a.height);
    if (!largest) return [];
    const input = used.length > 1 ? `[l${number}]` : `${decoded},`;
    const common = [
      ...filtersOf(picture, video, scaleTo(largest, isRgb(video) ? ':out_color_matrix=bt709' : '')),
      `split=${wanted.length}`,
    ].join(',');
    const labels = wanted.map((index) => `[s${index}]`).join('');
    const scaled = wanted.map((index) => {
      const rung = rungs[index];
      return `[s${index}]${rung && !isSameSize(rung, largest) ? scaleTo(rung) : 'null'}[v${index}]`;
    });
    return [`${input}${common}${labels}`, ...scaled];
  });
  if (used.length < 2) return chains;
  return [`${decoded},split=${used.length}${used.map((_, number) => `[l${number}]`).join('')}`, ...chains];
}

const unknownVideo = { pixelFormat: 'unknown', hdr: false };
const isSameSize = (a: Rung, b: Rung): boolean => a.width === b.width && a.height === b.height;

/**
 * `fps` numbers the frames from the film's beginning, repeating the first that it sees before that one; so the numbers
 * are those of the whole, and each frame is the one that the whole has there.
 */
function cutChains(constant: string, { startFrame, endFrame }: ChunkCut, hashes: boolean): string[] {
  const end = endFrame === null ? '' : `:end_pts=${endFrame}`;
  const cut = `trim=start_pts=${startFrame}${end},setpts=PTS-${startFrame}`;
  if (!hashes) return [constant, cut];
  const around = (frame: number): string => `between(pts,${frame - overlapFrames},${frame + overlapFrames - 1})`;
  const ends = [...(startFrame > 0 ? [startFrame] : []), ...(endFrame === null ? [] : [endFrame])];
  const last = Math.max(...ends) + overlapFrames;
  const hashed = `select='${ends.map(around).join('+')}',trim=end_pts=${last}`;
  return [`${constant},split[all][ends];[ends]${hashed}[hash];[all]${cut}`];
}

/** Sound that its time stamps move further than this is moved too: less is not heard beside a picture (EBU R37), and may be jitter. */
const mostApartS = 0.04;

/** Every track is made continuous once and then mixed for each of its renditions. */
function soundChains(plan: EncodePlan): string[] {
  const tracks = new Set(plan.audio.map(({ track }) => track));
  return [...tracks].map((track) => {
    const labels = plan.audio.flatMap((output, index) => (output.track === track ? [`[a${index}]`] : []));
    const silenceS = plan.audio.find((output) => output.track === track)?.silenceS ?? 0;
    const silence = silenceS > 0 ? `,apad=pad_dur=${silenceS}` : '';
    const clock = isOgg(plan) ? 'asetpts=N/SR/TB,' : '';
    return `[0:a:${track}]${clock}aresample=async=1:min_hard_comp=${mostApartS}:first_pts=0${silence},asplit=${labels.length}${labels.join('')}`;
  });
}

const scaleTo = ({ width, height }: Rung, options = ''): string =>
  `scale=${width}:${height}:flags=bicubic+accurate_rnd+bitexact:out_range=tv${options},setsar=1`;

const movFlags = '+cmaf+delay_moov+default_base_moof+skip_trailer+skip_sidx';
const withoutTraces = ['-map_metadata', '-1', '-map_chapters', '-1', '-flags', '+bitexact', '-fflags', '+bitexact'];

function videoArgs({ recipe, source, ladder, video, chunk }: EncodePlan, index: number): string[] {
  const rung = ladder?.rungs[index];
  if (!ladder || !rung) throw new RangeError(`there is no rung ${index}`);
  const picture = pictureOf(rung.codec, source.video ?? unknownVideo);
  const { profile, gopS } = recipe;
  return [
    ...['-map', `[v${index}]`, ...videoEncoderArgs({ rung, picture, profile, ladder, gopS, chunk })],
    ...withoutTraces,
    ...['-flags:v', '+bitexact+cgop', '-video_track_timescale', `${timescaleOf(ladder.frameRate)}`],
    ...['-movflags', `${movFlags}+frag_keyframe`, '-use_editlist', '1', '-f', 'mp4', video[index]?.path ?? ''],
  ];
}

function audioArgs({ rateBps, channels, path }: AudioOutput, index: number): string[] {
  return [
    ...['-map', `[a${index}]`, '-c:a', 'aac', '-b:a', `${rateBps}`],
    ...['-ac', `${channels}`, '-ar', `${audioSampleRateHz}`, '-threads', '1'],
    ...withoutTraces,
    ...['-movflags', movFlags, '-use_editlist', '1', '-frag_duration', `${audioFragmentS * 1e6}`, '-f', 'mp4', path],
  ];
}

/** A multiple of the rate, so that every frame lasts a whole number of ticks. */
export const timescaleOf = ({ numerator }: FrameRate): number => (numerator >= 1000 ? numerator : numerator * 1000);
