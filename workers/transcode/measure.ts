/**
 * What really is in an encoded file, read from its boxes: the only importer of mp4box.
 *
 * Media data is never read: the header boxes of a two-hour rendition are a few megabytes.
 */
import { open } from 'node:fs/promises';
import { createFile, MP4BoxBuffer, type Sample } from 'mp4box';
import { type BoxSpan, listBoxes } from '../../shared/media/boxes.ts';

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
}

export interface MeasuredTrack {
  /** RFC 6381, e.g. `avc1.64001f`. */
  readonly codecs: string;
  /** Ticks a second. */
  readonly timescale: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly channels: number | null;
  readonly sampleRateHz: number | null;
  /** The initialisation segment is the file's first bytes up to here. */
  readonly initSizeBytes: number;
  readonly durationTicks: number;
  readonly samples: number;
  readonly fragments: readonly Fragment[];
}

/** @throws Error when the file is not one fragmented track without gaps; that is a bug in the encode. */
export async function measureTrack(path: string): Promise<MeasuredTrack> {
  const { boxes } = await listBoxes(path);
  const spans = fragmentSpans(boxes);
  const file = createFile(false);
  file.onError = (module, message) => {
    throw new Error(`${path}: ${module}: ${message}`);
  };
  file.appendBuffer(await readHeaders(path, boxes), true);
  const [track, ...others] = file.getInfo().tracks;
  if (!track || others.length > 0) throw new Error(`${path}: not a file of one track`);

  const samples = file.getTrackSamplesInfo(track.id);
  const fragments = spans.map((span, index) => fragmentOf(span, samplesOf(samples, index + 1), path));
  checkNoGaps(fragments, path);
  const durationTicks = fragments.reduce((sum, fragment) => sum + fragment.durationTicks, 0);
  return {
    codecs: track.codec,
    timescale: track.timescale,
    width: track.video?.width ?? null,
    height: track.video?.height ?? null,
    channels: track.audio?.channel_count ?? null,
    sampleRateHz: track.audio?.sample_rate ?? null,
    initSizeBytes: spans[0]?.offset ?? 0,
    durationTicks,
    samples: samples.length,
    fragments,
  };
}

interface Span {
  readonly offset: number;
  readonly sizeBytes: number;
}

function fragmentSpans(boxes: readonly BoxSpan[]): Span[] {
  return boxes.flatMap((box, index) => {
    const data = boxes[index + 1];
    if (box.type !== 'moof' || data?.type !== 'mdat') return [];
    return [{ offset: box.offset, sizeBytes: box.sizeBytes + data.sizeBytes }];
  });
}

async function readHeaders(path: string, boxes: readonly BoxSpan[]): Promise<MP4BoxBuffer> {
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
  return MP4BoxBuffer.fromArrayBuffer(bytes.buffer, 0);
}

/** mp4box counts `moof` boxes from 1 and keeps samples in their order. */
function samplesOf(samples: readonly Sample[], moofNumber: number): readonly Sample[] {
  const first = lowerBound(samples, moofNumber);
  return samples.slice(first, lowerBound(samples, moofNumber + 1));
}

function lowerBound(samples: readonly Sample[], moofNumber: number): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((samples[middle]?.moof_number ?? 0) < moofNumber) low = middle + 1;
    else high = middle;
  }
  return low;
}

function fragmentOf(span: Span, samples: readonly Sample[], path: string): Fragment {
  const [first] = samples;
  const last = samples.at(-1);
  if (!first || !last) throw new Error(`${path}: a fragment without samples at byte ${span.offset}`);
  return {
    ...span,
    startTicks: first.dts,
    durationTicks: last.dts + last.duration - first.dts,
    samples: samples.length,
    startsWithKeyframe: first.is_sync,
  };
}

function checkNoGaps(fragments: readonly Fragment[], path: string): void {
  let end = 0;
  for (const { startTicks, durationTicks } of fragments) {
    if (startTicks !== end) throw new Error(`${path}: a fragment starts at ${startTicks} instead of ${end}`);
    end += durationTicks;
  }
}
