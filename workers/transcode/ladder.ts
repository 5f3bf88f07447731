/** Which renditions an asset gets: pure, so that the same source and profile always give the same ladder. */
import type { SourceVideo } from '../../shared/domain/asset.ts';
import { type FrameRate, fps, nearestRate } from '../../shared/media/frame-rate.ts';
import type { Profile, RungTemplate } from '../../shared/media/profiles.ts';

/** One video rendition to encode. */
export interface Rung {
  /** `video-720p` */
  readonly id: string;
  /** Even, and never larger than the source's. */
  readonly width: number;
  readonly height: number;
  readonly maxRateBps: number;
  readonly bufferBits: number;
}

export interface Ladder {
  /** Largest first; at least one. */
  readonly rungs: readonly Rung[];
  readonly frameRate: FrameRate;
}

/** More frames a second need more bits, though not in proportion. */
const highRateFps = 32;
const highRateFactor = 1.5;
/** The decoder's buffer, in seconds at the peak rate. */
const bufferS = 1.5;
const smallestRateBps = 200_000;

/**
 * The ladder of one source. A rung is a 16:9 box, turned for portrait; it is taken when the source fills it in at least
 * one direction, so that a 1920×800 film has a 1080p rung at its own size. A source smaller than every box gets one
 * rung at its own size.
 */
export function makeLadder(source: Pick<SourceVideo, 'width' | 'height' | 'frameRate'>, profile: Profile): Ladder {
  const frameRate = nearestRate(source.frameRate);
  const factor = fps(frameRate) > highRateFps ? highRateFactor : 1;
  const fitting = profile.rungs.filter((template) => fills(source, template));
  const rungs = fitting.map((template) => {
    const scale = Math.min(1, longSidePx(template) / long(source), template.heightPx / short(source));
    return makeRung(`video-${template.heightPx}p`, source, scale, template.maxRateBps * factor);
  });
  return { rungs: rungs.length > 0 ? rungs : [ownSize(source, profile, factor)], frameRate };
}

type Size = Pick<SourceVideo, 'width' | 'height'>;
const long = ({ width, height }: Size): number => Math.max(width, height);
const short = ({ width, height }: Size): number => Math.min(width, height);
const longSidePx = ({ heightPx }: RungTemplate): number => 2 * Math.round((heightPx * 8) / 9);

const fills = (source: Size, template: RungTemplate): boolean =>
  long(source) >= longSidePx(template) || short(source) >= template.heightPx;

function ownSize(source: Size, profile: Profile, factor: number): Rung {
  const lowest = profile.rungs.at(-1);
  const share = lowest ? (short(source) / lowest.heightPx) ** 2 : 1;
  const rateBps = Math.max(smallestRateBps, (lowest?.maxRateBps ?? 0) * Math.min(1, share));
  return makeRung(`video-${evenDown(short(source))}p`, source, 1, rateBps * factor);
}

function makeRung(id: string, source: Size, scale: number, rateBps: number): Rung {
  const maxRateBps = Math.round(rateBps);
  return {
    id,
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
