/**
 * Assets and their immutable versions.
 *
 * An asset is one uploaded title. What viewers play is a *version* of it: a set of files under
 * `/<assetId>/<version>/…` that never change once the manifest (`asset.json`) is written, because the manifest is the
 * commit. Media bytes are addressed by what made them: the version id is derived from the source's SHA-256 and the
 * packaging recipe, so that a job which is taken up again lands in the same place.
 */

import type { Encryption } from './encryption.ts';
import type { EarlyPlayback } from './growing.ts';
import type { Packaging } from './manifest.ts';
import type { TextTrack } from './text-track.ts';

/** The life of an asset, in order. `failed` and `deleted` are final for a version, not for the asset's id: what is
 * deleted can be restored for a while. */
export const assetStates = ['uploaded', 'transcoding', 'published', 'failed', 'deleted'] as const;
export type AssetState = (typeof assetStates)[number];

/** States from which each state may be reached; anything else is a bug in the caller. */
export const assetTransitions: Readonly<Record<AssetState, readonly AssetState[]>> = {
  uploaded: ['transcoding', 'failed', 'deleted'],
  transcoding: ['transcoding', 'published', 'failed', 'deleted'],
  published: ['transcoding', 'published', 'deleted'],
  failed: ['transcoding', 'deleted'],
  // Restored, while its time to think is not over.
  deleted: ['uploaded', 'transcoding', 'published', 'failed'],
};

/** What ffprobe said of the uploaded source. */
export interface SourceInfo {
  readonly fileName: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly container: string;
  readonly durationS: number;
  readonly video: SourceVideo | null;
  /** The first of `audioTracks`. */
  readonly audio: SourceAudio | null;
  /** All that can be decoded, in the file's order; absent in documents from before tracks were kept apart. */
  readonly audioTracks?: readonly SourceAudio[];
  /** Subtitles, in the file's order, those that cannot become text too; absent in older documents. */
  readonly textTracks?: readonly SourceText[];
}

export interface SourceText {
  /** Its number among the file's subtitle tracks, from 0. */
  readonly track: number;
  readonly codec: string;
  /** `picture`: bitmaps (PGS, DVB, VobSub), left out. `unknown`: in a format that is not read, left out. */
  readonly form: 'text' | 'picture' | 'unknown';
  /** BCP 47; null where the file does not say. */
  readonly language: string | null;
  readonly title: string | null;
  readonly forced: boolean;
  /** As the container has it; containers set it by themselves, so it makes nobody see text. */
  readonly isDefault: boolean;
  readonly hearingImpaired: boolean;
}

export interface SourceVideo {
  readonly codec: string;
  /** Display size in square pixels, after rotation and sample aspect ratio are applied. */
  readonly width: number;
  readonly height: number;
  /** Frames a second, the nominal rate a constant-rate encode uses. */
  readonly frameRate: number;
  readonly pixelFormat: string;
  /** As far as the file says, by ffprobe's names; of RGB there is no matrix. */
  readonly colour?: { readonly matrix?: string; readonly primaries?: string; readonly transfer?: string };
  readonly hdr: boolean;
  /** Which transfer curve HDR has; absent for SDR. */
  readonly transfer?: 'pq' | 'hlg';
  /** Of PQ, where the file has it. */
  readonly hdr10?: Hdr10Metadata;
}

/** What the picture was made on and how bright it gets, by which a screen maps what it cannot show. */
export interface Hdr10Metadata {
  /** Primaries and white as CIE 1931 x and y. */
  readonly mastering?: Readonly<Record<'green' | 'blue' | 'red' | 'white', readonly [x: number, y: number]>> & {
    readonly maxNits: number;
    readonly minNits: number;
  };
  readonly light?: { readonly maxContentNits: number; readonly maxAverageNits: number };
}

export interface SourceAudio {
  /** Its number among the file's audio tracks, from 0; absent: 0. */
  readonly track?: number;
  readonly codec: string;
  readonly channels: number;
  readonly sampleRateHz: number;
  /** BCP 47; null where the file does not say. */
  readonly language?: string | null;
  /** What the file calls the track. */
  readonly title?: string | null;
}

/** Why an asset failed: a stable code for machines, a sentence that names the mend for people. */
export interface AssetFailure {
  readonly code: string;
  readonly reason: string;
}

/** A deletion that can be taken back until its objects go. */
export interface AssetDeletion {
  /** ISO 8601, UTC. */
  readonly deletedAt: string;
  /** From when on the objects are removed, and nothing brings the asset back. */
  readonly purgeAt: string;
  /** What it was, and is again when it is restored. */
  readonly from: Exclude<AssetState, 'deleted'>;
}

/** A broken rule of level `warning` (docs/packaging.md). */
export interface ImportWarning {
  readonly rule: string;
  /** Playlist or segment. */
  readonly at: string;
  readonly measured: string;
  readonly expected: string;
}

/** The catalogue's document of one asset (`catalog/<assetId>.json`). */
export interface Asset {
  readonly schema: 1;
  readonly id: string;
  readonly title: string;
  readonly tags: readonly string[];
  /** The series that it belongs to. */
  readonly series?: string | null;
  /** The day on which it is first shown, `YYYY-MM-DD`. */
  readonly premiereDate?: string | null;
  /** The instant from which it may be played, ISO 8601, UTC; goes before `premiereDate`. */
  readonly premieresAt?: string | null;
  /** Fills bring it first, whatever the forecast expects of it. */
  readonly mustHave?: boolean;
  readonly state: AssetState;
  readonly profile: string;
  /** How its versions are packaged; absent: as segments. */
  readonly packaging?: Packaging;
  /** How its versions are encrypted; absent: not at all. */
  readonly encryption?: Encryption;
  /** Whether viewers may begin before all of it is encoded; absent: as the worker is set. */
  readonly earlyPlay?: boolean;
  /** What plays already while the first version is being made; null or absent otherwise. */
  readonly early?: EarlyPlayback | null;
  readonly source: SourceInfo;
  /** Object store key of the uploaded bytes while a transcode may still need them; null once they are gone. */
  readonly sourceKey: string | null;
  /** The version viewers get; null until the first publication. */
  readonly version: string | null;
  readonly durationS: number | null;
  /** Bytes of all files of the published version. */
  readonly sizeBytes: number | null;
  readonly failure: AssetFailure | null;
  /** Uploaded subtitles and captions, one for each language and use; absent: none. */
  readonly textTracks?: readonly TextTrack[];
  /** Why the last change of text could not be published; the version before it stands. */
  readonly textFailure?: AssetFailure | null;
  /** What an imported stream does not do as it should; absent: nothing was imported. */
  readonly importWarnings?: readonly ImportWarning[];
  /** While it is deleted; absent in documents from before there was a delay. */
  readonly deletion?: AssetDeletion | null;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly publishedAt: string | null;
}

export type ProgressStage = 'waiting' | 'download' | 'encode' | 'package' | 'upload' | 'publish' | 'done';

/** Live progress of a transcode. Never goes back; `fraction` reaches 1 only when the asset plays. */
export interface TranscodeProgress {
  readonly stage: ProgressStage;
  /** 0 … 1 over the whole job. */
  readonly fraction: number;
  /** 0 … 1 for each rendition id. */
  readonly renditions: Readonly<Record<string, number>>;
  /** Encoded media seconds per wall-clock second; null before the first reading. */
  readonly speed: number | null;
}

/** Progress of one part of a transcode that several workers share. */
export interface PartProgress {
  /** 0 … 1 of the part, for each rendition that it holds. */
  readonly renditions: Readonly<Record<string, number>>;
  /** As in `TranscodeProgress`; null also when the part is done. */
  readonly speed: number | null;
  /** When it was told, Unix milliseconds. */
  readonly atMs: number;
}

/** True when an asset may go from one state to the other. */
export const canTransition = (from: AssetState, to: AssetState): boolean => assetTransitions[from].includes(to);

/** True when an asset is deleted and its objects may go. */
export const isPurgeDue = ({ state, deletion }: Pick<Asset, 'state' | 'deletion'>, nowMs: number): boolean =>
  state === 'deleted' && (!deletion || Date.parse(deletion.purgeAt) <= nowMs);
