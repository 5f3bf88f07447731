/** The encoders: how each is told one rung, so that all rungs have the same key frames and the same input gives the same bytes. */
import type { Hdr10Metadata } from '../../shared/domain/asset.ts';
import type { FrameRate } from '../../shared/media/frame-rate.ts';
import { encoderNames, type Profile, type VideoCodec } from '../../shared/media/profiles.ts';
import type { Chunk } from './chunks.ts';
import type { Ladder, Rung } from './ladder.ts';
import type { Picture } from './picture.ts';

/** About how much longer a picture takes than in H.264. */
export const relativeWork: Readonly<Record<VideoCodec, number>> = { h264: 1, hevc: 4, av1: 5 };

/** Under a cap, SVT-AV1 1.4 settles at up to 1.36 times of it (measured on noise and on fractals), so it is told less. */
const av1CapFactor = 0.75;

interface Order {
  readonly rung: Rung;
  readonly picture: Picture;
  readonly profile: Profile;
  readonly ladder: Ladder;
  readonly gopS: number;
  /** Where the frames lie in the film when they are not all of it. */
  readonly chunk?: Pick<Chunk, 'startFrame' | 'keyframesBefore'> | undefined;
}

/** Key frames at the same places whatever the codec: closed groups, none at scene cuts. */
export function videoEncoderArgs({ rung, picture, profile, ladder, gopS, chunk }: Order): string[] {
  const { codec, maxRateBps, bufferBits } = rung;
  const ours = codec === profile.beside?.codec ? profile.beside : profile;
  const format = ['-pix_fmt', picture.bits === 10 ? 'yuv420p10le' : 'yuv420p'];
  const cap = (factor: number): string[] => [
    ...['-maxrate', `${Math.round(maxRateBps * factor)}`, '-bufsize', `${Math.round(bufferBits * factor)}`],
  ];
  const quality = ['-crf', `${ours.crf}`];
  const { gopFrames } = ladder;
  const groups = [
    ...[
      '-force_key_frames',
      gopFrames ? `expr:gte(n,n_forced*${gopFrames})` : keyframesAt(ladder.frameRate, gopS, chunk),
    ],
    ...['-g', `${gopFrames ?? gopLimit(ladder.frameRate, gopS)}`],
  ];
  const common = ['-c:v', encoderNames[codec], '-preset', ours.preset];
  switch (codec) {
    case 'h264':
      return [
        ...[...common, '-profile:v', 'high', ...format, ...quality, ...cap(1)],
        ...['-threads', '1', '-fps_mode', 'cfr', '-sc_threshold', '0', '-forced-idr', '1', ...groups],
      ];
    case 'hevc':
      return [
        ...[...common, '-profile:v', picture.bits === 10 ? 'main10' : 'main', '-tag:v', 'hvc1', ...format],
        ...[...quality, ...cap(1), '-fps_mode', 'cfr', '-forced-idr', '1', ...groups],
        ...['-x265-params', x265Params(picture)],
      ];
    case 'av1':
      return [
        ...[...common, ...format, ...quality, ...cap(av1CapFactor), '-fps_mode', 'cfr', ...groups],
        ...['-svtav1-params', svtParams(picture)],
      ];
  }
}

/** One thread as x264 has; `info=0` keeps its version and settings out of the stream. */
const x265Params = ({ range, hdr10 }: Picture): string =>
  [
    ...['log-level=error', 'pools=none', 'frame-threads=1', 'wpp=0', 'info=0'],
    ...['scenecut=0', 'open-gop=0', ...(range === 'PQ' ? ['hdr10=1'] : [])],
    // In units of 0.00002 and of 0.0001 cd/m² (ISO/IEC 23008-2 §D.3.28).
    ...(hdr10?.mastering
      ? [`master-display=${display(hdr10.mastering, (xy) => Math.round(xy * 50_000), tenThousandths)}`]
      : []),
    ...(hdr10?.light ? [`max-cll=${lightText(hdr10.light)}`] : []),
  ].join(':');

const svtParams = ({ hdr10 }: Picture): string =>
  [
    ...['lp=1', 'scd=0'],
    ...(hdr10?.mastering ? [`mastering-display=${display(hdr10.mastering, plain, plain)}`] : []),
    ...(hdr10?.light ? [`content-light=${lightText(hdr10.light)}`] : []),
  ].join(':');

const plain = (value: number): string => value.toFixed(5);
const tenThousandths = (nits: number): number => Math.round(nits * 10_000);
const lightText = ({ maxContentNits, maxAverageNits }: NonNullable<Hdr10Metadata['light']>): string =>
  `${maxContentNits},${maxAverageNits}`;

/** Both encoders write it like this, in units of their own. */
function display(
  { green, blue, red, white, maxNits, minNits }: NonNullable<Hdr10Metadata['mastering']>,
  xy: (value: number) => number | string,
  nits: (value: number) => number | string,
): string {
  const point = ([x, y]: readonly [number, number]): string => `(${xy(x)},${xy(y)})`;
  return `G${point(green)}B${point(blue)}R${point(red)}WP${point(white)}L(${nits(maxNits)},${nits(minNits)})`;
}

/** In a chunk the time is counted from the film's beginning, by the steps that ffmpeg takes for the whole. */
const keyframesAt = ({ numerator, denominator }: FrameRate, gopS: number, chunk: Order['chunk']): string =>
  chunk
    ? `expr:gte((n+${chunk.startFrame})*(${denominator}/${numerator}),(n_forced+${chunk.keyframesBefore})*${gopS})`
    : `expr:gte(t,n_forced*${gopS})`;

/** Out of reach: only forced keyframes count. */
const gopLimit = ({ numerator, denominator }: FrameRate, gopS: number): number =>
  Math.ceil((2 * gopS * numerator) / denominator) + 2;
