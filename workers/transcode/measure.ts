/**
 * What really is in an encoded file, read from its boxes.
 *
 * Media data is never read: the header boxes of a two-hour rendition are a few megabytes.
 */
import { open } from 'node:fs/promises';
import { type BoxSpan, listBoxes } from '../../shared/media/boxes.ts';
import { type FragmentedTrack, type FragmentSample, readFragmented } from '../../shared/media/fragmented.ts';

/** One `moof` + `mdat` pair. */
export interface Fragment {
  /** Within the file. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** Decode time of its first sample in the track's time scale. */
  readonly startTicks: number;
  readonly durationTicks: number;
  readonly samples: number;
  readonly startsWithKeyframe: boolean;
  /** The first bytes up to the end of the first sample: an I-frame with its `moof`. */
  readonly firstSampleEndBytes: number;
}

export interface MeasuredTrack
  extends Pick<
    FragmentedTrack,
    'codecs' | 'timescale' | 'width' | 'height' | 'channels' | 'sampleRateHz' | 'videoRange'
  > {
  /** The initialisation segment is the file's first bytes up to here. */
  readonly initSizeBytes: number;
  readonly durationTicks: number;
  readonly samples: number;
  readonly fragments: readonly Fragment[];
}

/**
 * Null when nothing was encoded, because the source's track holds nothing that decodes.
 *
 * @throws Error when the file is not one fragmented track without gaps; that is a bug in the encode.
 */
export async function measureTrack(path: string): Promise<MeasuredTrack | null> {
  const { boxes } = await listBoxes(path);
  const spans = fragmentSpans(boxes);
  if (spans.length === 0) return null;
  const [track, ...others] = readFragmented(await readHeaders(path, boxes));
  if (!track || others.length > 0) throw new Error(`${path}: not a file of one track`);

  const { samples } = track;
  const fragments = spans.map((span, index) => fragmentOf(span, samplesOf(samples, index), path));
  checkNoGaps(fragments, path);
  const durationTicks = fragments.reduce((sum, fragment) => sum + fragment.durationTicks, 0);
  return {
    codecs: track.codecs,
    timescale: track.timescale,
    width: track.width,
    height: track.height,
    channels: track.channels,
    sampleRateHz: track.sampleRateHz,
    videoRange: track.videoRange,
    initSizeBytes: spans[0]?.offset ?? 0,
    durationTicks,
    samples: samples.length,
    fragments,
  };
}

interface Span {
  readonly offset: number;
  readonly sizeBytes: number;
  /** Where the data of its first sample begins, from `offset`. */
  readonly dataOffset: number;
}

function fragmentSpans(boxes: readonly BoxSpan[]): Span[] {
  return boxes.flatMap((box, index) => {
    const data = boxes[index + 1];
    if (box.type !== 'moof' || data?.type !== 'mdat') return [];
    const headerBytes = data.sizeBytes > 0xffff_ffff ? 16 : 8;
    return [{ offset: box.offset, sizeBytes: box.sizeBytes + data.sizeBytes, dataOffset: box.sizeBytes + headerBytes }];
  });
}

async function readHeaders(path: string, boxes: readonly BoxSpan[]): Promise<Uint8Array> {
  const wanted = boxes.filter(({ type }) => type !== 'mdat');
  const bytes = new Uint8Array(wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  const file = await open(path, 'r');
  try {
    let at = 0;
    for (const { offset, sizeBytes } of wanted) {
      await file.read(bytes, at, sizeBytes, offset);
      at += sizeBytes;
    }
  } finally {
    await file.close();
  }
  return bytes;
}

function samplesOf(samples: readonly FragmentSample[], fragment: number): readonly FragmentSample[] {
  return samples.slice(lowerBound(samples, fragment), lowerBound(samples, fragment + 1));
}

function lowerBound(samples: readonly FragmentSample[], fragment: number): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((samples[middle]?.fragment ?? 0) < fragment) low = middle + 1;
    else high = middle;
  }
  return low;
}

function fragmentOf(span: Span, samples: readonly FragmentSample[], path: string): Fragment {
  const [first] = samples;
  const last = samples.at(-1);
  if (!first || !last) throw new Error(`${path}: a fragment without samples at byte ${span.offset}`);
  return {
    offset: span.offset,
    sizeBytes: span.sizeBytes,
    startTicks: first.startTicks,
    durationTicks: last.startTicks + last.durationTicks - first.startTicks,
    samples: samples.length,
    startsWithKeyframe: first.isSync,
    firstSampleEndBytes: span.dataOffset + first.sizeBytes,
  };
}

function checkNoGaps(fragments: readonly Fragment[], path: string): void {
  let end = 0;
  for (const { startTicks, durationTicks } of fragments) {
    if (startTicks !== end) throw new Error(`${path}: a fragment starts at ${startTicks} instead of ${end}`);
    end += durationTicks;
  }
}
