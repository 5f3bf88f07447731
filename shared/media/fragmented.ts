/**
 * What the header boxes of fragmented MP4 say: the only importer of mp4box.
 *
 * Media data is never needed; callers leave it out.
 */

import { createFile, MP4BoxBuffer, type Sample, type Track } from 'mp4box';
import type { VideoRange } from '../domain/manifest.ts';
import { unveil } from './encryption/unveil.ts';
export interface FragmentedTrack {
  readonly kind: 'video' | 'audio' | 'other';
  /** RFC 6381, e.g. `avc1.64001f`. AV1 has its colours in it where they are not those of SDR. */
  readonly codecs: string;
  /** Ticks a second. */
  readonly timescale: number;
  /** Display size. */
  readonly width: number | null;
  readonly height: number | null;
  readonly channels: number | null;
  readonly sampleRateHz: number | null;
  /** By the transfer characteristics of its colour box (ISO/IEC 23091-2); null without such a box. */
  readonly videoRange: VideoRange | null;
  /** By the transfer characteristics of its colour box (ISO/IEC 23091-2): PQ and HLG; null without such a box. */
  /** The scheme that its samples are encrypted by, e.g. `cbcs`; null where they are clear. */
  readonly protection: string | null /** In decode order over all fragments. */;
  readonly samples: readonly FragmentSample[];
}

export interface FragmentSample {
  /** Which `moof` it is in, from 0. */
  readonly fragment: number;
  readonly startTicks: number;
  readonly durationTicks: number;
  readonly sizeBytes: number;
  readonly isSync: boolean;
}

/**
 * Reads an initialisation segment and the `moof` boxes after it, put together without the media data between them.
 *
 * @throws Error when that is no fragmented MP4.
 */
export function readFragmented(headers: Uint8Array): FragmentedTrack[] {
  const file = createFile(false);
  file.onError = (module, message) => {
    throw new Error(`${module}: ${message}`);
  };
  const buffer = new ArrayBuffer(headers.length);
  const bytes = new Uint8Array(buffer);
  bytes.set(headers);
  const schemes = unveil(Buffer.from(buffer));
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(buffer, 0), true);
  if (!file.moov) throw new Error('no moov box');
  const { tracks } = file.getInfo();
  if (tracks.length === 0) throw new Error('no tracks');
  return tracks.map((track, index) => {
    const description: unknown = file.getTrackById(track.id).mdia.minf.stbl.stsd.entries[0];
    return trackOf(track, file.getTrackSamplesInfo(track.id) ?? [], description, schemes[index] ?? null);
  });
}

const kinds: Readonly<Record<string, FragmentedTrack['kind']>> = { video: 'video', audio: 'audio' };

function trackOf(
  track: Track,
  samples: readonly Sample[],
  description: unknown,
  protection: string | null,
): FragmentedTrack {
  const kind = kinds[track.type ?? ''] ?? 'other';
  const colour = colourOf(description);
  return {
    kind,
    codecs: codecsOf(track.codec, description, colour),
    timescale: track.timescale,
    width: kind === 'video' ? Math.round(track.track_width) || (track.video?.width ?? null) : null,
    height: kind === 'video' ? Math.round(track.track_height) || (track.video?.height ?? null) : null,
    channels: aacChannels(description) ?? track.audio?.channel_count ?? null,
    sampleRateHz: track.audio?.sample_rate ?? null,
    videoRange: colour && rangeOf(colour),
    protection,
    samples: samples.map(({ moof_number, dts, duration, size, is_sync }) => ({
      // mp4box counts them from 1.
      fragment: (moof_number ?? 1) - 1,
      startTicks: dts,
      durationTicks: duration,
      sizeBytes: size,
      isSync: is_sync,
    })),
  };
}

/** Code points of ISO/IEC 23091-2. */
interface Colour {
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
  readonly fullRange: number;
}

const pq = 16;
const hlg = 18;
const rangeOf = ({ transfer }: Colour): VideoRange => (transfer === pq ? 'PQ' : transfer === hlg ? 'HLG' : 'SDR');

/** From the colour box inside a sample entry. */
function colourOf(description: unknown): Colour | null {
  const boxes = property(description, 'boxes');
  for (const box of Array.isArray(boxes) ? boxes : []) {
    const transfer = property(box, 'transfer_characteristics');
    if (typeof transfer === 'number')
      return {
        primaries: number(box, 'colour_primaries'),
        transfer,
        matrix: number(box, 'matrix_coefficients'),
        fullRange: number(box, 'full_range_flag'),
      };
  }
  return null;
}

/**
 * What the short form leaves out is BT.709 (AV1 in ISOBMFF §5), so HDR needs the long one:
 * `av01.0.08M.10.0.110.09.16.09.0`.
 */
function codecsOf(codec: string, description: unknown, colour: Colour | null): string {
  if (!/^av01\.\d\.\d\d[MH]\.\d\d$/.test(codec) || !colour || rangeOf(colour) === 'SDR') return codec;
  const config = property(description, 'av1C');
  const [x, y] = [number(config, 'chroma_subsampling_x'), number(config, 'chroma_subsampling_y')];
  const position = x === 1 && y === 1 ? number(config, 'chroma_sample_position') : 0;
  const two = (code: number): string => String(code).padStart(2, '0');
  const { primaries, transfer, matrix, fullRange } = colour;
  const samples = `${number(config, 'monochrome')}.${x}${y}${position}`;
  return `${codec}.${samples}.${two(primaries)}.${two(transfer)}.${two(matrix)}.${fullRange}`;
}

const decoderConfig = 4;
const decoderSpecificInfo = 5;
/** Channels by channelConfiguration (ISO/IEC 14496-3 table 1.19); 0 says it elsewhere. */
const aacConfigurations = [null, 1, 2, 3, 4, 5, 6, 8];

/**
 * AAC's channels by its AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1): what a sample entry says is 2 whatever the sound
 * has (ISO/IEC 14496-12 leaves it a template).
 */
function aacChannels(description: unknown): number | null {
  const esds = property(description, 'esds');
  const find = (descriptor: unknown, tag: number): unknown => {
    const children = property(descriptor, 'descs');
    return Array.isArray(children) ? children.find((child: unknown) => property(child, 'tag') === tag) : undefined;
  };
  const config = property(find(find(property(esds, 'esd'), decoderConfig), decoderSpecificInfo), 'data');
  if (!(config instanceof Uint8Array) || config.length < 2) return null;
  const bits = ((config[0] ?? 0) << 8) | (config[1] ?? 0);
  const [objectType, frequencyIndex] = [bits >> 11, (bits >> 7) & 0xf];
  // Escape values move the field; nobody uses them for what we meet.
  return objectType === 31 || frequencyIndex === 15 ? null : (aacConfigurations[(bits >> 3) & 0xf] ?? null);
}

function number(value: unknown, name: string): number {
  const found = property(value, name);
  return typeof found === 'number' ? found : 0;
}

const property = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
