/**
 * The manifest of one asset version (`asset.json`): every file with size, digest and place in time.
 *
 * It is written last and makes the version exist. Appliances refuse bytes whose digest is not in it, so it is also the
 * root of the promise that a byte served is the byte published.
 */

import type { Encryption, ManifestEncryption } from './encryption.ts';
import type { TextKind, TextTrack } from './text-track.ts';

/** Objects are stored and checked in slices of this size; a file no larger is one slice. */
export const sliceSizeBytes = 4 * 1024 * 1024;

/** A file for each segment, or one for each rendition that players read by byte ranges. */
export const packagings = ['segments', 'single-file'] as const;
export type Packaging = (typeof packagings)[number];
/** Those that each encryption can have: a byte range of a file that is encrypted as a whole could not be decrypted. */
export const packagingsOf = (encryption: Encryption): readonly Packaging[] =>
  encryption === 'aes-128' ? ['segments'] : packagings;
/** As EXT-X-STREAM-INF's VIDEO-RANGE has it. */
export type VideoRange = 'SDR' | 'PQ' | 'HLG';
export type RenditionKind = 'video' | 'audio' | 'text';
/** `preview`: pictures beside the media, without which everything plays. */
export type FileRole = 'playlist' | 'init' | 'segment' | 'media' | 'preview';

export interface Rendition {
  /** Stable within a version and readable: `video-720p`, `audio-128k`. */
  readonly id: string;
  readonly kind: RenditionKind;
  /** RFC 6381 codec string read from the init segment; `wvtt` for text, which playlists do not name. */
  readonly codecs: string;
  /** Peak bit rate over any segment, measured (RFC 8216 §4.3.4.2 BANDWIDTH). */
  readonly bandwidthBps: number;
  /** Mean bit rate over the rendition, measured. */
  readonly averageBandwidthBps: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly frameRate: number | null;
  /** Of video, by its colour box; absent: SDR. */
  readonly videoRange?: VideoRange;
  readonly channels: number | null;
  readonly sampleRateHz: number | null;
  /** BCP 47, of sound and text; null where the source did not say. */
  readonly language?: string | null;
  /** What players call a choice of sound or text; different for each. */
  readonly name?: string;
  /** Of text only. */
  readonly text?: RenditionText;
  /** Path of the rendition's own media playlist, relative to the version. */
  readonly playlist: string;
}

export interface RenditionText {
  readonly kind: TextKind;
  readonly forced: boolean;
  readonly isDefault: boolean;
  /** SHA-256 of the WebVTT that it was cut from; absent in an imported stream, of which there are only the segments. */
  readonly sha256?: string;
  /** The whole of it as one file, for DASH and for download; relative to the version. Absent in an imported stream. */
  readonly file?: string;
}

export interface ManifestFile {
  /** Relative to the version, normalised: no leading slash, no `.`/`..`, no empty part. */
  readonly path: string;
  readonly role: FileRole;
  readonly sizeBytes: number;
  /** Lower-case hex SHA-256 of the whole file. */
  readonly sha256: string;
  /** SHA-256 of each slice, in order; present only where the file is larger than one slice. */
  readonly sliceSha256?: readonly string[];
  readonly contentType: string;
  readonly rendition: string | null;
  /** Segment number from 0 within the rendition; null for playlists and init segments. */
  readonly index: number | null;
  readonly startS: number | null;
  readonly durationS: number | null;
}

export interface Manifest {
  readonly schema: 1;
  readonly assetId: string;
  readonly version: string;
  readonly title: string;
  readonly createdAt: string;
  readonly durationS: number;
  readonly packaging: Packaging;
  readonly sliceSizeBytes: number;
  /** Sum of all files' sizes. */
  readonly sizeBytes: number;
  readonly source: { readonly sha256: string; readonly sizeBytes: number };
  /** What made the bytes: profile name, packager and encoder with their versions. */
  readonly recipe: { readonly profile: string; readonly packager: string; readonly encoder: string };
  /** Absent where the media are clear. */
  readonly encryption?: ManifestEncryption;
  /** `dash` is null where DASH knows no such media: segments encrypted as a whole. */
  readonly playlists: { readonly hls: string; readonly dash: string | null };
  /** The version that has the same media without uploaded text; absent: this one. */
  readonly base?: string;
  /** Text of the source itself, also what uploaded text took the place of. */
  readonly sourceTexts?: readonly TextTrack[];
  /** A picture, and WebVTT that names small pictures along the time; absent for sound alone and in older versions. */
  readonly images?: { readonly poster: string; readonly storyboard: string };
  readonly renditions: readonly Rendition[];
  readonly files: readonly ManifestFile[];
}

/** One slice of an object: its place and the digest that its bytes must have. */
export interface SliceSpec {
  readonly index: number;
  /** First byte within the object. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** How many slices a file of this size has; at least one, also for an empty file. */
export const sliceCount = (sizeBytes: number): number => Math.max(1, Math.ceil(sizeBytes / sliceSizeBytes));

/**
 * The slices of a file in order.
 *
 * @throws RangeError when the manifest lacks the digests that a file of that size needs.
 */
export function slicesOf(file: Pick<ManifestFile, 'path' | 'sizeBytes' | 'sha256' | 'sliceSha256'>): SliceSpec[] {
  const count = sliceCount(file.sizeBytes);
  const digests = count === 1 ? [file.sha256] : file.sliceSha256;
  if (digests?.length !== count) throw new RangeError(`${file.path}: ${count} slices, ${digests?.length ?? 0} digests`);
  return digests.map((sha256, index) => ({
    index,
    offset: index * sliceSizeBytes,
    sizeBytes: Math.min(sliceSizeBytes, file.sizeBytes - index * sliceSizeBytes),
    sha256,
  }));
}
