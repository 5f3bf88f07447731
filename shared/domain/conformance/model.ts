/**
 * An HLS presentation as it was found: what its playlists say and what its media really are, side by side.
 *
 * Nothing is corrected or filled in. `null` means "not said" in a playlist, and "not looked at" or "not known" for media;
 * a rule that lacks a fact counts the place as unchecked rather than guessing.
 */

import type { VideoRange } from '../manifest.ts';

export interface Stream {
  /** Null where the check began at a media playlist. */
  readonly master: MasterPlaylist | null;
  /** Every media playlist once, in the order in which the multivariant playlist names them. */
  readonly playlists: readonly MediaPlaylist[];
}

/** How a file came over HTTP; null for local files. */
export interface Delivery {
  readonly contentEncoding: string | null;
  readonly contentType: string | null;
  readonly redirects: number;
}

interface PlaylistFile {
  /** Relative to the entry of the check where it lies below it. */
  readonly uri: string;
  readonly delivery: Delivery | null;
  readonly version: number | null;
  readonly independentSegments: boolean;
  /** What cannot be read as RFC 8216 has it, each with its line: `line 3: EXTINF without a duration`. */
  readonly mistakes: readonly string[];
}

export interface MasterPlaylist extends PlaylistFile {
  readonly variants: readonly Variant[];
  readonly iframes: readonly IframeVariant[];
  readonly media: readonly MediaTag[];
}

export interface StreamTag {
  /** As `MediaPlaylist.uri`. */
  readonly uri: string;
  readonly bandwidthBps: number | null;
  readonly averageBandwidthBps: number | null;
  readonly codecs: readonly string[] | null;
  readonly resolution: Size | null;
  readonly videoRange: string | null;
}

export interface Variant extends StreamTag {
  readonly frameRate: number | null;
  readonly audioGroup: string | null;
  readonly subtitleGroup: string | null;
}

export type IframeVariant = StreamTag;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** EXT-X-MEDIA */
export interface MediaTag {
  readonly type: string;
  readonly groupId: string;
  readonly name: string;
  readonly language: string | null;
  /** Null where the rendition is inside the variant's own segments. */
  readonly uri: string | null;
  readonly isDefault: boolean;
  readonly autoselect: boolean;
  /** AUTOSELECT as it is written; absent or null: not written. */
  readonly autoselectSaid?: string | null;
  /** Whether FORCED is written, whatever it says. */
  readonly hasForced?: boolean;
  readonly channels: string | null;
}

export type PlaylistUse = 'variant' | 'audio' | 'subtitles' | 'iframes' | 'alone';

export interface MediaPlaylist extends PlaylistFile {
  readonly use: PlaylistUse;
  /** Why it could not be read; the rest is empty then. */
  readonly failure: string | null;
  readonly targetDurationS: number | null;
  readonly playlistType: string | null;
  readonly ended: boolean;
  readonly iframesOnly: boolean;
  /** Of the first EXT-X-MAP; empty for other formats than fragmented MP4 and for what could not be read. */
  readonly tracks: readonly Track[];
  readonly segments: readonly Segment[];
}

export interface Track {
  readonly kind: 'video' | 'audio' | 'other';
  /** RFC 6381. */
  readonly codec: string;
  /** Display size for video. */
  readonly size: Size | null;
  readonly channels: number | null;
  /** By the colour box of the sample entry; null where it has none. */
  readonly videoRange: VideoRange | null;
  /** Scheme by which its samples are encrypted, e.g. `cbcs`; null where they are clear. */
  readonly protection: string | null;
}
/** EXT-X-KEY as it applies to something. */
export interface KeyUse {
  readonly method: string;
  readonly hasIv: boolean;
  /** Whether it has KEYFORMAT or KEYFORMATVERSIONS. */
  readonly saysFormat: boolean;
}

export interface Segment {
  readonly uri: string;
  /** EXTINF. */
  readonly durationS: number;
  readonly discontinuity: boolean;
  readonly hasMap: boolean;
  readonly hasByteRange: boolean;
  readonly keys: readonly KeyUse[];
  /** Of its EXT-X-MAP, which may stand before a key or behind it. */
  readonly mapKeys: readonly KeyUse[];
  /** Null where it was not looked at. */
  readonly media: SegmentMedia | null;
  /** Why it could not be read, or is no media. */
  readonly failure: string | null;
}

export interface TextMedia {
  /** X-TIMESTAMP-MAP: 90 kHz ticks of the media, and the cue time that they mean. */
  readonly map: { readonly mpegts: number; readonly localS: number } | null;
  /** As they are written, before any mapping. */
  readonly cues: readonly { readonly startS: number; readonly endS: number }[];
  /** Why it cannot be read, with the line; there are no cues then. */
  readonly mistake: string | null;
}

export interface SegmentMedia {
  readonly format: 'fmp4' | 'ts' | 'webvtt' | 'other';
  /** Of WebVTT only. */
  readonly text?: TextMedia;
  readonly sizeBytes: number;
  /** Decode time of the first sample. */
  readonly startS: number | null;
  /** Sum over all samples; null where only its beginning was read. */
  readonly durationS: number | null;
  readonly startsWithKeyframe: boolean | null;
  /** Frames a second, from the mean duration of the samples that were read; null for sound. */
  readonly frameRate: number | null;
  /** The longest time from a key frame to the next or to the end; null for sound, and where only the beginning was read. */
  readonly longestGroupS?: number | null;
  /** For an I-frame: whether the whole frame lies inside the byte range. */
  readonly firstSampleWhole: boolean | null;
}
