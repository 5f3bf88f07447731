/** Which renditions an asset gets: pure, so that the same source and profile always give the same ladder. */
import type { SourceVideo } from '../../shared/domain/asset.ts';
import { type FrameRate, fps, nearestRate } from '../../shared/media/frame-rate.ts';
import type { Profile, RungTemplate, VideoCodec } from '../../shared/media/profiles.ts';

/** One video rendition to encode. */
export interface Rung {
  /** `video-720p`, `video-hevc-720p` */
  readonly id: string;
  readonly codec: VideoCodec;
  /** Even, and never larger than the source's. */
  readonly width: number;
  readonly height: number;
  readonly maxRateBps: number;
  readonly bufferBits: number;
}

export interface Ladder {
  /** H.264's, at least one, then those of another codec; of each codec the largest first. */
  readonly rungs: readonly Rung[];
  readonly frameRate: FrameRate;
  /** Frames from one key frame to the next; null where key frames are set by time. */
  readonly gopFrames: number | null;
}

type Templates = Pick<Profile, 'rungs'>;

/** More frames a second need more bits, though not in proportion. */
const highRateFps = 32;
const highRateFactor = 1.5;
/** The decoder's buffer, in seconds at the peak rate. */
const bufferS = 1.5;
const smallestRateBps = 200_000;
/** libsvtav1 makes no key frames where it is asked to, only every so many frames. */
const countsFrames: readonly VideoCodec[] = ['av1'];
/** libsvtav1 takes no smaller picture; there is nothing to save in one either. */
const smallestBesidePx = 64;

/**
 * The ladder of one source. A rung is a 16:9 box, turned for portrait; it is taken when the source fills it in at least
 * one direction, so that a 1920×800 film has a 1080p rung at its own size. A source smaller than every box gets one
 * rung at its own size.
 */
export function makeLadder(
  source: Pick<SourceVideo, 'width' | 'height' | 'frameRate'>,
  profile: Profile,
  gopS = 2,
): Ladder {
  const frameRate = nearestRate(source.frameRate);
  const factor = fps(frameRate) > highRateFps ? highRateFactor : 1;
  const { beside } = profile;
  const others = beside ? rungsOf(beside.codec, source, beside, factor) : [];
  const rungs = [
    ...rungsOf('h264', source, profile, factor),
    ...others.filter(({ width, height }) => Math.min(width, height) >= smallestBesidePx),
  ];
  const isGrid = rungs.some(({ codec }) => countsFrames.includes(codec));
  return { rungs, frameRate, gopFrames: isGrid ? Math.max(1, Math.round(fps(frameRate) * gopS)) : null };
}

function rungsOf(codec: VideoCodec, source: Size, templates: Templates, factor: number): Rung[] {
  const fitting = templates.rungs.filter((template) => fills(source, template));
  if (fitting.length === 0) return [ownSize(codec, source, templates, factor)];
  return fitting.map((template) => {
    const scale = Math.min(1, longSidePx(template) / long(source), template.heightPx / short(source));
    return makeRung(codec, template.heightPx, source, scale, template.maxRateBps * factor);
  });
}

type Size = Pick<SourceVideo, 'width' | 'height'>;
const long = ({ width, height }: Size): number => Math.max(width, height);
const short = ({ width, height }: Size): number => Math.min(width, height);
const longSidePx = ({ heightPx }: RungTemplate): number => 2 * Math.round((heightPx * 8) / 9);

const fills = (source: Size, template: RungTemplate): boolean =>
  long(source) >= longSidePx(template) || short(source) >= template.heightPx;

function ownSize(codec: VideoCodec, source: Size, { rungs }: Templates, factor: number): Rung {
  const lowest = rungs.at(-1);
  const share = lowest ? (short(source) / lowest.heightPx) ** 2 : 1;
  const rateBps = Math.max(smallestRateBps, (lowest?.maxRateBps ?? 0) * Math.min(1, share));
  return makeRung(codec, evenDown(short(source)), source, 1, rateBps * factor);
}

function makeRung(codec: VideoCodec, heightPx: number, source: Size, scale: number, rateBps: number): Rung {
  const maxRateBps = Math.round(rateBps);
  return {
    id: codec === 'h264' ? `video-${heightPx}p` : `video-${codec}-${heightPx}p`,
    codec,
    width: evenNear(source.width, scale),
    height: evenNear(source.height, scale),
    maxRateBps,
    bufferBits: Math.round(maxRateBps * bufferS),
  };
}

/** 4:2:0 needs even sides; rounding must not pass the source's own size. */
const evenDown = (px: number): number => Math.max(2, 2 * Math.floor(px / 2));
const evenNear = (px: number, scale: number): number =>
  Math.max(2, Math.min(evenDown(px), 2 * Math.round((px * scale) / 2)));
