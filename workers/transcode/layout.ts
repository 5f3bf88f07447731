/**
 * Where the bytes of a rendition lie once it is published, for both packagings: pure but for paths of local files.
 *
 * - `segments`: `init.mp4` and a file for each segment, all spans of the encoded file.
 * - `single-file`: one file, the encoded one with a segment index put in behind the initialisation part.
 */
import type { FileRole, Packaging } from '../../shared/domain/manifest.ts';
import { type ByteRange, buildMediaPlaylist, type MediaSegment } from '../../shared/hls/build.ts';
import { type PlaylistKey, withKeys } from '../../shared/hls/keys.ts';
import type { Content } from './digest.ts';
import type { CutRendition } from './rendition.ts';
import { buildSidx, sidxSizeBytes } from './sidx.ts';

export interface LaidOutFile {
  /** Below the rendition's folder. */
  readonly name: string;
  readonly role: FileRole;
  readonly content: Content;
  readonly index: number | null;
  readonly startS: number | null;
  readonly durationS: number | null;
}

export interface Layout {
  readonly files: readonly LaidOutFile[];
  readonly playlist: string;
  /** Null for sound. */
  readonly iframePlaylist: string | null;
  /** Where DASH finds the index of a single file; null for segments. */
  readonly single: { readonly name: string; readonly init: ByteRange; readonly index: ByteRange } | null;
}

export const initName = 'init.mp4';
const segmentDigits = 5;
export const segmentName = (index: number): string => `seg-${String(index).padStart(segmentDigits, '0')}.m4s`;
/** As DASH's template writes `segmentName`. */
export const segmentTemplate = `seg-$Number%0${segmentDigits}d$.m4s`;

export function layOut(
  rendition: CutRendition,
  packaging: Packaging,
  targetDurationS: number,
  keys: readonly PlaylistKey[] = [],
): Layout {
  const layout =
    packaging === 'segments' ? asSegments(rendition, targetDurationS) : asSingleFile(rendition, targetDurationS);
  const { playlist, iframePlaylist } = layout;
  return {
    ...layout,
    playlist: withKeys(playlist, keys),
    iframePlaylist: iframePlaylist && withKeys(iframePlaylist, keys),
  };
}

const nowhere = { index: null, startS: null, durationS: null };

function asSegments({ bytes, track, segments, iframes }: CutRendition, targetDurationS: number): Layout {
  const { timescale, initSizeBytes } = track;
  const init: LaidOutFile = {
    name: initName,
    role: 'init',
    content: bytes(0, initSizeBytes),
    ...nowhere,
  };
  const files = segments.map(
    ({ offset, sizeBytes, startTicks, durationTicks }, index): LaidOutFile => ({
      name: segmentName(index),
      role: 'segment',
      content: bytes(offset, sizeBytes),
      index,
      startS: startTicks / timescale,
      durationS: durationTicks / timescale,
    }),
  );
  const map = { uri: initName };
  const inSegment = iframes.map(
    ({ segment, offset, sizeBytes, durationTicks }): MediaSegment => ({
      uri: segmentName(segment),
      durationS: durationTicks / timescale,
      byteRange: { offset: offset - (segments[segment]?.offset ?? 0), length: sizeBytes },
    }),
  );
  return {
    files: [init, ...files],
    playlist: buildMediaPlaylist({
      map,
      targetDurationS,
      segments: files.map(({ name, durationS }) => ({ uri: name, durationS: durationS ?? 0 })),
    }),
    iframePlaylist: iframesOrNull(map, inSegment),
    single: null,
  };
}

function asSingleFile({ kind, bytes, track, segments, iframes }: CutRendition, targetDurationS: number): Layout {
  const { timescale, initSizeBytes, durationTicks } = track;
  const name = kind === 'video' ? 'media.mp4' : 'media.m4a';
  const indexBytes = sidxSizeBytes(segments.length);
  const mediaBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const content: Content = [
    ...bytes(0, initSizeBytes),
    buildSidx(segments, timescale),
    ...bytes(initSizeBytes, mediaBytes),
  ];
  const at = (offset: number, length: number): ByteRange => ({ offset: offset + indexBytes, length });
  const part = (span: { offset: number; sizeBytes: number; durationTicks: number }): MediaSegment => ({
    uri: name,
    durationS: span.durationTicks / timescale,
    byteRange: at(span.offset, span.sizeBytes),
  });
  const init = { offset: 0, length: initSizeBytes };
  const map = { uri: name, byteRange: init };
  return {
    files: [{ name, role: 'media', content, index: null, startS: 0, durationS: durationTicks / timescale }],
    playlist: buildMediaPlaylist({ map, targetDurationS, segments: segments.map(part) }),
    iframePlaylist: iframesOrNull(map, iframes.map(part)),
    single: { name, init, index: { offset: initSizeBytes, length: indexBytes } },
  };
}

const iframesOrNull = (
  map: { readonly uri: string; readonly byteRange?: ByteRange },
  segments: readonly MediaSegment[],
): string | null => (segments.length > 0 ? buildMediaPlaylist({ map, segments, iframesOnly: true }) : null);
