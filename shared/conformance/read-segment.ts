/** What a segment really is, from its beginning, or from all its header boxes where reading is cheap. */
import type { SegmentMedia } from '../domain/conformance/model.ts';
import { isWhole, type RawKey } from '../hls/read-key.ts';
import { beginsWithRandomAccess } from '../media/first-picture.ts';
import { type FragmentedTrack, readFragmented } from '../media/fragmented.ts';
import { isWebVtt, readTextMedia } from './read-text.ts';
import type { StreamSource } from './source.ts';

export interface SegmentPlace {
  readonly uri: string;
  readonly byteRange: { readonly offset: number; readonly length: number } | null;
  readonly keys: readonly RawKey[];
}

const noFrames = { longestGroupS: null, firstSampleWhole: null };
const beginningBytes = 64 * 1024;
/** Enough to pass parameter sets and SEI and to see what the first picture is. */
const pictureBytes = 4 * 1024;
const maxTextBytes = 16 * 1024 * 1024;
const maxHeaderBytes = 8 * 1024 * 1024;
const before = ['styp', 'sidx', 'prft', 'emsg', 'free', 'skip', 'ftyp', 'moov', 'uuid'];

/** @throws Error with the reason for people where it is not there, is cut off, or cannot be media. */
export async function readSegment(
  source: StreamSource,
  { uri, byteRange, keys }: SegmentPlace,
  init: Uint8Array | null,
): Promise<SegmentMedia> {
  const from = byteRange?.offset ?? 0;
  const first = await source.read(uri, from, Math.min(beginningBytes, byteRange?.length ?? beginningBytes));
  if (byteRange && from + byteRange.length > first.fileSizeBytes)
    throw new Error(`has ${first.fileSizeBytes} bytes, and the byte range ends at ${from + byteRange.length}`);
  const sizeBytes = byteRange?.length ?? first.fileSizeBytes;
  if (sizeBytes === 0) throw new Error('is empty');
  const unknown = { startS: null, durationS: null, startsWithKeyframe: null, frameRate: null, ...noFrames };
  if (keys.some(isWhole)) return { format: 'other', sizeBytes, ...unknown };
  if (first.bytes[0] === 0x47 && (first.bytes.length < 189 || first.bytes[188] === 0x47))
    return { format: 'ts', sizeBytes, ...unknown };
  if (isWebVtt(first.bytes)) {
    const whole =
      first.bytes.length >= sizeBytes
        ? first.bytes
        : (await source.read(uri, from, Math.min(sizeBytes, maxTextBytes))).bytes;
    return { format: 'webvtt', sizeBytes, ...unknown, text: readTextMedia(whole) };
  }
  const boxes = await fragmentBoxes(source, uri, from, sizeBytes, first);
  if (!boxes) return { format: 'other', sizeBytes, ...unknown };
  if (!init) return { format: 'fmp4', sizeBytes, ...unknown };
  const tracks = readFragmented(Buffer.concat([init, ...boxes.headers]));
  const facts = factsOf(tracks, boxes, sizeBytes);
  const video = tracks.find(({ kind }) => kind === 'video');
  // Of several tracks in one file, the picture need not come first.
  if (!video || tracks.length > 1 || boxes.dataOffset === null || !facts.startsWithKeyframe)
    return { format: 'fmp4', sizeBytes, ...facts };
  const at = boxes.dataOffset;
  const picture =
    at + pictureBytes <= first.bytes.length || first.bytes.length === sizeBytes
      ? first.bytes.subarray(at, at + pictureBytes)
      : (await source.read(uri, from + at, Math.min(pictureBytes, sizeBytes - at))).bytes;
  const startsWithKeyframe = beginsWithRandomAccess(picture, video.codecs) ?? facts.startsWithKeyframe;
  return { format: 'fmp4', sizeBytes, ...facts, startsWithKeyframe };
}

interface FragmentBoxes {
  readonly headers: readonly Uint8Array[];
  /** Where the media data of the first fragment begins within the segment. */
  readonly dataOffset: number | null;
  /** Whether these are all fragments of the segment. */
  readonly all: boolean;
}

/** The `moof` boxes of a segment; null where it does not begin as fragmented MP4 does. */
async function fragmentBoxes(
  source: StreamSource,
  uri: string,
  from: number,
  sizeBytes: number,
  { bytes: beginning, fileSizeBytes }: { readonly bytes: Uint8Array; readonly fileSizeBytes: number },
): Promise<FragmentBoxes | null> {
  const headers: Uint8Array[] = [];
  let dataOffset: number | null = null;
  const bytesAt = async (at: number, length: number): Promise<Uint8Array> => {
    const wanted = Math.min(length, sizeBytes - at);
    if (at + wanted <= beginning.length) return beginning.subarray(at, at + wanted);
    return (await source.read(uri, from + at, wanted)).bytes;
  };
  for (let at = 0; at + 8 <= sizeBytes; ) {
    const known = at + 16 <= beginning.length;
    if (!known && !source.readsAreCheap && headers.length > 0) return { headers, dataOffset, all: false };
    const box = readHeader(await bytesAt(at, 16), sizeBytes - at);
    if (!box || (headers.length === 0 && box.type !== 'moof' && !before.includes(box.type))) break;
    // An I-frame's range ends within its box; no box ends behind its file.
    const missingBytes = from + at + box.sizeBytes - fileSizeBytes;
    if (missingBytes > 0 && (box.type === 'moof' || box.type === 'mdat'))
      throw new Error(`is cut off: ${missingBytes} bytes of its ${box.type} box are missing`);
    if (box.type === 'moof') {
      if (box.sizeBytes > maxHeaderBytes) throw new Error(`has a moof box of ${box.sizeBytes} bytes`);
      headers.push(await bytesAt(at, box.sizeBytes));
    }
    if (box.type === 'mdat') dataOffset ??= at + box.headerBytes;
    at += box.sizeBytes;
  }
  return headers.length > 0 ? { headers, dataOffset, all: true } : null;
}

function readHeader(bytes: Uint8Array, leftBytes: number) {
  if (bytes.length < 8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const short = view.getUint32(0);
  const long = short === 1 && bytes.length >= 16;
  const sizeBytes = short === 0 ? leftBytes : long ? Number(view.getBigUint64(8)) : short;
  if (sizeBytes < 8) return null;
  const type = Buffer.from(bytes.subarray(4, 8)).toString('latin1');
  return { type, sizeBytes, headerBytes: long ? 16 : 8 };
}

function factsOf(tracks: readonly FragmentedTrack[], { dataOffset, all }: FragmentBoxes, sizeBytes: number) {
  const track = tracks.find(({ kind }) => kind === 'video') ?? tracks[0];
  const [first] = track?.samples ?? [];
  if (!track || !first) throw new Error('has a moof box without samples');
  const { samples, timescale, kind } = track;
  const ticks = samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
  return {
    startS: first.startTicks / timescale,
    durationS: all ? ticks / timescale : null,
    startsWithKeyframe: first.isSync,
    frameRate: kind === 'video' && ticks > 0 ? (samples.length * timescale) / ticks : null,
    longestGroupS: kind === 'video' && all ? longestGroupS(track) : null,
    firstSampleWhole: dataOffset === null ? false : dataOffset + first.sizeBytes <= sizeBytes,
  };
}

/** From one key frame to the next, or to the segment's end; what comes before the first belongs to another segment. */
function longestGroupS({ samples, timescale }: FragmentedTrack): number | null {
  let longest: number | null = null;
  let group: number | null = null;
  for (const { isSync, durationTicks } of samples) {
    if (isSync) group = 0;
    if (group === null) continue;
    group += durationTicks;
    longest = Math.max(longest ?? 0, group);
  }
  return longest === null ? null : longest / timescale;
}
