/**
 * What an uploaded file is: the one door through which ingest and the transcode worker look at bytes of strangers.
 *
 * The room `shared/media` runs ffprobe and ffmpeg (`process.ts`), keeps them inside the file they are given
 * (`containment.ts`) and says in the words of the domain what came out. It imports the domain and Node only; it knows
 * no store and no queue. Nothing here trusts a file name or a declared content type.
 */
import { stat } from 'node:fs/promises';
import type { SourceAudio, SourceInfo, SourceText, SourceVideo } from '../domain/asset.ts';
import { allowedContainersText, containedInput } from './containment.ts';
import { countedDurationS, scannedDurationS } from './counted-duration.ts';
import {
  type ProbedStream,
  type ProbeOutput,
  parseFraction,
  parseFrameSideData,
  parseProbeOutput,
  streamDurationS,
} from './ffprobe-output.ts';
import { fps, nominalRate } from './frame-rate.ts';
import { readHdr10 } from './hdr-metadata.ts';
import { ProcessError, runProcess } from './process.ts';
import { endsOf, type StreamEnds } from './stream-ends.ts';
import { beginsAsMp4, isCutShort } from './truncation.ts';
import { UnplayableSourceError } from './unplayable.ts';

/** Everything of `SourceInfo` that the bytes themselves tell. */
export interface ProbedSource extends Omit<SourceInfo, 'fileName' | 'sizeBytes' | 'sha256'> {
  /** What the container's clock says where that jumps; `durationS` is then reckoned from the number of pictures. */
  readonly clockS?: number;
  /** Where the whole file may be looked at, and its clock does not jump; of Ogg, ffprobe tells it wrongly. */
  readonly ends?: StreamEnds;
  readonly audioTracks: readonly SourceAudio[];
  readonly textTracks: readonly SourceText[];
}

export interface ProbeOptions {
  readonly signal?: AbortSignal;
  readonly ffprobePath?: string;
  /** 30 s by default. */
  readonly timeoutMs?: number;
  /** All of the file is there, and may be read where its clock cannot be believed. */
  readonly isWhole?: boolean;
}

/** Display size in pixels, on either side. */
export const maxFramePx = 8192;
const minFramePx = 16;
/** Room for a frame of the largest size in each of a few threads; nothing is written. */
const probeLimits = { memoryBytes: 4 * 1024 ** 3, fileSizeBytes: 0, cpuS: 60 };

/**
 * Looks at a local file and says what it holds, or why it cannot be played.
 *
 * @throws UnplayableSourceError for anything that is the file's fault; ProcessError `not-started` where ffprobe is missing.
 */
export async function probeSource(path: string, options: ProbeOptions = {}): Promise<ProbedSource> {
  const { size } = await stat(path);
  if (size === 0)
    throw new UnplayableSourceError('empty-file', 'The file is empty; the upload brought no bytes. Upload it again.');
  const output = await runFfprobe(path, options);
  const container = output.format.format_name;
  if (await isCutShort(path, container)) throw truncated();

  const video = output.streams.find(
    ({ codec_type, disposition }) => codec_type === 'video' && !disposition?.attached_pic,
  );
  const sounds = output.streams.filter(({ codec_type }) => codec_type === 'audio');
  if (!video && sounds.length === 0) throw noPictureNoSound();
  const [firstSound] = sounds;
  const audioTracks = sounds.flatMap((stream, track) => (isKnown(stream) ? [audioOf(stream, track)] : []));
  if (firstSound && audioTracks.length === 0) throw unknownCodec(firstSound);
  const { signal, ffprobePath = 'ffprobe', isWhole = false } = options;
  const counting = { ffprobePath, ...(signal ? { signal } : {}) };
  const clockS = durationOf(output, [video, ...sounds]) ?? (await scannedDurationS(path, container, counting));
  if (clockS === null) throw noDuration();
  const countedS = isWhole && video ? await countedDurationS(path, container, counting) : null;
  const jumps = countedS !== null && Math.abs(countedS - clockS) > Math.max(1, clockS * 0.05);
  const textTracks = output.streams.filter(({ codec_type }) => codec_type === 'subtitle').map(textOf);
  return {
    container,
    ...(jumps ? { durationS: countedS, clockS } : { durationS: clockS }),
    ...(isWhole && !jumps && container !== 'ogg' ? { ends: endsOf(output, video, sounds) } : {}),
    video: video ? await withHdr10(videoOf(video), video, path, options) : null,
    audio: audioTracks[0] ?? null,
    audioTracks,
    textTracks,
  };
}

async function runFfprobe(path: string, options: ProbeOptions): Promise<ProbeOutput> {
  const { signal, ffprobePath = 'ffprobe', timeoutMs = 30_000 } = options;
  const args = ['-v', 'error', '-show_format', '-show_streams', '-of', 'json', ...containedInput(path)];
  try {
    const bounds = { timeoutMs, maxOutputBytes: 4 * 1024 * 1024, limits: probeLimits };
    return parseProbeOutput(await runProcess(ffprobePath, args, signal ? { ...bounds, signal } : bounds));
  } catch (error) {
    throw error instanceof ProcessError ? await refusalOf(error, path) : error;
  }
}

async function refusalOf(error: ProcessError, path: string): Promise<Error> {
  if (error.code === 'not-started') return error;
  if (error.code === 'timed-out')
    return new UnplayableSourceError(
      'probe-timed-out',
      'The file could not be read in time; it is damaged or extremely fragmented. Remux it (ffmpeg -i in -c copy out.mp4) and upload that.',
      { cause: error },
    );
  if (/moov atom not found/.test(error.stderr) && (await beginsAsMp4(path))) return truncated(error);
  if (/not on whitelist/i.test(error.stderr))
    return new UnplayableSourceError(
      'container-not-allowed',
      `The file is not a video in a container that is taken: ${allowedContainersText}. Convert it to MP4 and upload that.`,
      { cause: error },
    );
  return new UnplayableSourceError(
    'not-a-media-file',
    'The file is not a video: no known container was found in its bytes. Upload the video file itself.',
    { cause: error },
  );
}

const truncated = (cause?: Error): UnplayableSourceError =>
  new UnplayableSourceError(
    'truncated',
    'The file ends before its own index says it should; it was cut off while it was copied or recorded. Upload the whole file.',
    cause ? { cause } : {},
  );

const noPictureNoSound = (): UnplayableSourceError =>
  new UnplayableSourceError(
    'no-video-stream',
    'The file has neither a video track nor sound. Upload a file with one of them.',
  );

/** The longest of the streams that are used; a subtitle track may outlast them all. */
function durationOf({ format }: ProbeOutput, streams: readonly (ProbedStream | undefined)[]): number | null {
  const known = streams.flatMap((stream) => (stream ? [streamDurationS(stream) ?? 0] : []));
  const toldS = Math.max(0, ...known) || Number(format.duration ?? 0);
  // Matroska tells where it ends on a clock that need not begin at 0.
  const startS = format.format_name.includes('matroska') ? Number(format.start_time ?? 0) : 0;
  const durationS = startS > 0 && startS < toldS ? toldS - startS : toldS;
  return durationS > 0 ? durationS : null;
}

const noDuration = (): UnplayableSourceError =>
  new UnplayableSourceError(
    'no-duration',
    'The file does not say how long it is, and holds no time stamps that would tell. Remux it (ffmpeg -i in -c copy out.mkv) and upload that.',
  );

function videoOf(stream: ProbedStream): SourceVideo {
  if (!isKnown(stream)) throw unknownCodec(stream);
  const { width, height } = displaySize(stream);
  if (Math.max(width, height) > maxFramePx)
    throw new UnplayableSourceError(
      'too-large-frame',
      `The picture is ${width}×${height}; at most ${maxFramePx} on either side is taken. Scale it down and upload that.`,
    );
  if (Math.min(width, height) < minFramePx)
    throw new UnplayableSourceError(
      'too-small-frame',
      `The picture is ${width}×${height}; at least ${minFramePx} on either side is needed. Upload the video, not a thumbnail.`,
    );
  const rate = nominalRate(parseFraction(stream.r_frame_rate), parseFraction(stream.avg_frame_rate));
  return {
    codec: stream.codec_name ?? 'unknown',
    width,
    height,
    frameRate: fps(rate),
    pixelFormat: stream.pix_fmt ?? 'unknown',
    ...colourOf(stream),
    ...hdrOf(stream.color_transfer),
  };
}

/** Static metadata may stand in the container or only in the stream, which takes decoding a frame. */
async function withHdr10(
  video: SourceVideo,
  stream: ProbedStream,
  path: string,
  { signal, ffprobePath = 'ffprobe', timeoutMs = 30_000 }: ProbeOptions,
): Promise<SourceVideo> {
  if (video.transfer !== 'pq') return video;
  const args = ['-v', 'error', '-select_streams', 'V:0', '-read_intervals', '%+#1', '-show_frames'];
  const entries = ['-show_entries', 'frame=side_data_list', '-of', 'json', ...containedInput(path)];
  const bounds = { timeoutMs, maxOutputBytes: 1024 * 1024, limits: probeLimits };
  // Without it the picture is as good: a first frame that does not decode is judged by the encode.
  const text = await runProcess(ffprobePath, [...args, ...entries], signal ? { ...bounds, signal } : bounds).catch(
    () => '{}',
  );
  signal?.throwIfAborted();
  const hdr10 = readHdr10([...(stream.side_data_list ?? []), ...parseFrameSideData(text)]);
  return hdr10 ? { ...video, hdr10 } : video;
}

function colourOf({ color_space, color_primaries, color_transfer }: ProbedStream): Pick<SourceVideo, 'colour'> {
  const said = { matrix: color_space, primaries: color_primaries, transfer: color_transfer };
  const known = Object.entries(said).filter(([, value]) => value && !/^(unknown|unspecified|reserved|gbr)/.test(value));
  return known.length > 0 ? { colour: Object.fromEntries(known) } : {};
}

function hdrOf(transfer: string | undefined): Pick<SourceVideo, 'hdr' | 'transfer'> {
  if (transfer === 'smpte2084') return { hdr: true, transfer: 'pq' };
  return transfer === 'arib-std-b67' ? { hdr: true, transfer: 'hlg' } : { hdr: false };
}

function displaySize(stream: ProbedStream): { readonly width: number; readonly height: number } {
  const aspect = parseFraction(stream.sample_aspect_ratio, ':') ?? 1;
  const width = Math.round((stream.width ?? 0) * aspect);
  const height = stream.height ?? 0;
  const rotation = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation ?? 0;
  return Math.round(Math.abs(rotation) / 90) % 2 === 1 ? { width: height, height: width } : { width, height };
}

function audioOf(stream: ProbedStream, track: number): SourceAudio {
  return {
    track,
    codec: stream.codec_name ?? 'unknown',
    channels: stream.channels ?? 0,
    sampleRateHz: Number(stream.sample_rate ?? 0),
    language: languageOf(stream.tags?.language),
    title: stream.tags?.title?.trim() || null,
  };
}

const textCodecs = ['mov_text', 'subrip', 'srt', 'ass', 'ssa', 'webvtt', 'text'];
const pictureCodecs = ['hdmv_pgs_subtitle', 'dvb_subtitle', 'dvd_subtitle', 'xsub'];
/** How tracks for those who do not hear are named where the container has no flag for them, or nobody set it. */
const hearingTitle = /\b(SDH|CC|hearing[ -]impaired|hard of hearing)\b/i;

function textOf({ codec_name: codec = 'unknown', disposition, tags }: ProbedStream, track: number): SourceText {
  const title = tags?.title?.trim() || null;
  return {
    track,
    codec,
    form: textCodecs.includes(codec) ? 'text' : pictureCodecs.includes(codec) ? 'picture' : 'unknown',
    language: languageOf(tags?.language),
    title,
    forced: disposition?.forced === 1,
    isDefault: disposition?.default === 1,
    hearingImpaired: disposition?.hearing_impaired === 1 || hearingTitle.test(title ?? ''),
  };
}

/** BCP 47 from the three letters of ISO 639-2 that containers hold; null for what says nothing. */
function languageOf(tag: string | undefined): string | null {
  if (!tag || ['und', 'mis', 'mul', 'zxx'].includes(tag.toLowerCase())) return null;
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? null;
  } catch {
    return null;
  }
}

const isKnown = ({ codec_name }: ProbedStream): boolean =>
  codec_name !== undefined && codec_name !== 'unknown' && codec_name !== 'none';

const unknownCodec = ({ codec_type }: ProbedStream): UnplayableSourceError =>
  new UnplayableSourceError(
    'unknown-codec',
    `The ${codec_type} track is in a format that ffmpeg does not know. Convert it to H.264 and AAC and upload that.`,
  );
