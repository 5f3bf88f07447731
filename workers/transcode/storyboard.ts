/** Which key frames a storyboard shows and where: pure. */
import type { CutRendition } from './rendition.ts';

export interface StoryboardPlan {
  /** Seconds at which each tile's time begins, and at last the end. */
  readonly times: readonly number[];
  /** Of the key frames, in order. */
  readonly everyNth: number;
  readonly columns: number;
  readonly rows: number;
  /** Of one tile. */
  readonly width: number;
  readonly height: number;
}

const maxTiles = 400;
const columns = 10;
const maxRows = 10;
const tileLongSidePx = 160;

type Source = Pick<CutRendition, 'track'>;

/** A tile for every key frame, or for every second, third … one of a long film. */
export function planStoryboard({ track }: Source): StoryboardPlan {
  const { fragments, timescale, durationTicks, width, height } = track;
  const everyNth = Math.max(1, Math.ceil(fragments.length / maxTiles));
  const shown = fragments.filter((_, index) => index % everyNth === 0);
  const scale = tileLongSidePx / Math.max(width ?? 1, height ?? 1);
  return {
    times: [...shown.map(({ startTicks }) => startTicks), durationTicks].map((ticks) => ticks / timescale),
    everyNth,
    columns: Math.min(columns, shown.length),
    rows: Math.min(maxRows, Math.ceil(shown.length / columns)),
    width: even((width ?? 1) * scale),
    height: even((height ?? 1) * scale),
  };
}

const even = (px: number): number => Math.max(2, 2 * Math.round(px / 2));

/** WebVTT whose cues name a part of a picture (`#xywh=`, Media Fragments URI §4.2.2), as hls.js skins and Shaka Player read it. */
export function buildStoryboard(
  { times, columns, rows, width, height }: StoryboardPlan,
  sprites: readonly string[],
): string {
  const cues = times.slice(0, -1).flatMap((startS, index) => {
    const sprite = sprites[Math.floor(index / (columns * rows))];
    if (!sprite) return [];
    const place = index % (columns * rows);
    const [x, y] = [(place % columns) * width, Math.floor(place / columns) * height];
    return [`${clock(startS)} --> ${clock(times[index + 1] ?? startS)}\n${sprite}#xywh=${x},${y},${width},${height}`];
  });
  return `WEBVTT\n\n${cues.join('\n\n')}\n`;
}

/** `01:02:03.456` */
function clock(seconds: number): string {
  const ms = Math.round(seconds * 1_000);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)}.${String(ms % 1_000).padStart(3, '0')}`;
}
