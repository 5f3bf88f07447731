/** ffmpeg's command line for one ladder: pure, so that it can be read and compared. */
import type { SourceInfo } from '../../shared/domain/asset.ts';
import { containedInput } from '../../shared/media/containment.ts';
import type { FrameRate } from '../../shared/media/frame-rate.ts';
import type { Ladder, Rung } from './ladder.ts';
import type { Recipe } from './recipe.ts';

/** One rendition's file, as ffmpeg writes it: an initialisation part, then fragments (CMAF chunks). */
export interface EncodeOutput {
  readonly id: string;
  readonly path: string;
}

export interface EncodePlan {
  readonly inputPath: string;
  readonly source: Pick<SourceInfo, 'container' | 'durationS' | 'video' | 'audio'>;
  readonly ladder: Ladder;
  readonly recipe: Recipe;
  /** One for each rung, in its order. */
  readonly video: readonly EncodeOutput[];
  readonly audio: EncodeOutput | null;
}

export const audioSampleRateHz = 48_000;
export const audioChannels = 2;
/** Fine enough to cut audio within a quarter of a second of the video's boundaries, at 1% of its bytes. */
export const audioFragmentS = 0.5;

/**
 * - The frame rate is made constant once, before the split, so that all rungs hold the same frames; time starts at 0 for
 *   picture and sound, with gaps filled.
 * - Keyframes are forced by time, not by count, so that they do not drift at 29.97; scene cuts make none.
 * - A packet that does not decode is no failure by itself (real Ogg files have thousands of empty ones): whether enough
 *   came out is judged by duration afterwards.
 * - `bitexact` and no metadata: nothing of the clock, the machine or the source's tags (a phone's location) gets in.
 * - Fragments carry `cmfc`; an edit list takes the place of negative composition offsets, which ffmpeg-based players
 *   show late.
 */
export function encodeArgs(plan: EncodePlan): string[] {
  const { inputPath, source, ladder, recipe, audio } = plan;
  // Broken time stamps must not fill the disk with repeated frames.
  const limit = ['-t', `${Math.ceil(source.durationS * 2 + 60)}`];
  return [
    ...['-nostdin', '-hide_banner', '-v', 'warning', '-y', '-progress', 'pipe:1', '-nostats', '-max_error_rate', '1'],
    ...(isOgg(plan) ? ['-copyts', '-start_at_zero'] : []),
    ...containedInput(inputPath),
    ...['-filter_complex_threads', '1', '-filter_complex', filterGraph(plan)],
    ...ladder.rungs.flatMap((rung, index) => [...limit, ...videoArgs(plan, rung, index)]),
    ...(audio ? [...limit, ...audioArgs(recipe, audio.path)] : []),
  ];
}

/**
 * ffmpeg 5.1 gives Vorbis packets of some Ogg files times that run away and then shifts the picture after them. So Ogg's
 * own clock is kept for the picture, and its sound, which has no gaps by definition, is counted in samples.
 */
const isOgg = ({ source }: EncodePlan): boolean => source.container === 'ogg';

function filterGraph(plan: EncodePlan): string {
  const { source, ladder, audio } = plan;
  const { rungs, frameRate } = ladder;
  const [top] = rungs;
  const size = top ? scaleTo(top) : 'null';
  const common = [
    '[0:V:0]yadif=deint=interlaced',
    `fps=${frameRate.numerator}/${frameRate.denominator}:start_time=0`,
    size,
    ...(source.video?.hdr ? [hdrToSdr] : []),
    'format=yuv420p',
    `split=${rungs.length}`,
  ].join(',');
  const labels = rungs.map((_rung, index) => `[s${index}]`).join('');
  const scaled = rungs.map((rung, index) => `[s${index}]${index === 0 ? 'null' : scaleTo(rung)}[v${index}]`);
  const sound = audio ? [`[0:a:0]${isOgg(plan) ? 'asetpts=N/SR/TB,' : ''}aresample=async=1:first_pts=0[a0]`] : [];
  return [`${common}${labels}`, ...scaled, ...sound].join(';');
}

const scaleTo = ({ width, height }: Rung): string =>
  `scale=${width}:${height}:flags=bicubic+accurate_rnd+bitexact:out_range=tv,setsar=1`;

/** HDR10 and HLG to BT.709: to linear light, compressed by Hable's curve, and back. */
const hdrToSdr = [
  'zscale=pin=bt2020:min=bt2020nc:t=linear:npl=100',
  'format=gbrpf32le',
  'zscale=p=bt709',
  'tonemap=tonemap=hable:desat=0',
  'zscale=t=bt709:m=bt709:r=tv',
].join(',');

const movFlags = '+cmaf+delay_moov+default_base_moof+skip_trailer+skip_sidx';
const withoutTraces = ['-map_metadata', '-1', '-map_chapters', '-1', '-flags', '+bitexact', '-fflags', '+bitexact'];

function videoArgs({ recipe, ladder, video }: EncodePlan, rung: Rung, index: number): string[] {
  const { profile, gopS, threads } = recipe;
  const rate = ladder.frameRate;
  return [
    ...[
      '-map',
      `[v${index}]`,
      '-c:v',
      'libx264',
      '-preset',
      profile.preset,
      '-profile:v',
      'high',
      '-pix_fmt',
      'yuv420p',
    ],
    ...['-crf', `${profile.crf}`, '-maxrate', `${rung.maxRateBps}`, '-bufsize', `${rung.bufferBits}`],
    ...['-threads', `${threads}`, '-fps_mode', 'cfr', '-sc_threshold', '0', '-forced-idr', '1'],
    ...['-force_key_frames', `expr:gte(t,n_forced*${gopS})`, '-g', `${gopLimit(rate, gopS)}`],
    ...withoutTraces,
    ...['-flags:v', '+bitexact+cgop', '-video_track_timescale', `${timescaleOf(rate)}`],
    ...['-movflags', `${movFlags}+frag_keyframe`, '-use_editlist', '1', '-f', 'mp4', video[index]?.path ?? ''],
  ];
}

function audioArgs({ profile }: Recipe, path: string): string[] {
  return [
    ...['-map', '[a0]', '-c:a', 'aac', '-b:a', `${profile.audioRateBps}`],
    ...['-ac', `${audioChannels}`, '-ar', `${audioSampleRateHz}`, '-threads', '1'],
    ...withoutTraces,
    ...['-movflags', movFlags, '-use_editlist', '1', '-frag_duration', `${audioFragmentS * 1e6}`, '-f', 'mp4', path],
  ];
}

/** Out of reach: only forced keyframes count. */
const gopLimit = ({ numerator, denominator }: FrameRate, gopS: number): number =>
  Math.ceil((2 * gopS * numerator) / denominator) + 2;

/** A multiple of the rate, so that every frame lasts a whole number of ticks. */
export const timescaleOf = ({ numerator }: FrameRate): number => (numerator >= 1000 ? numerator : numerator * 1000);
