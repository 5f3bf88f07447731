/** HDR10's static metadata (SMPTE ST 2086, CTA-861.3) as ffprobe tells it, on a stream or on a frame. */
import type { Hdr10Metadata } from '../domain/asset.ts';
import { parseFraction } from './ffprobe-output.ts';

export interface SideData {
  readonly [name: string]: unknown;
}

const primaries = ['green', 'blue', 'red', 'white_point'] as const;

/** What is there and makes sense; null for nothing. Of two that tell the same, the first counts. */
export function readHdr10(sideData: readonly SideData[]): Hdr10Metadata | null {
  const mastering = first(sideData, masteringOf);
  const light = first(sideData, lightOf);
  return mastering || light ? { ...(mastering ? { mastering } : {}), ...(light ? { light } : {}) } : null;
}

function masteringOf(data: SideData): Hdr10Metadata['mastering'] | null {
  const [green, blue, red, white] = primaries.map((name) => pointOf(data, name));
  const [min, max] = [numberOf(data.min_luminance), numberOf(data.max_luminance)];
  if (!green || !blue || !red || !white || max === null || max > maxNits) return null;
  return { green, blue, red, white, maxNits: max, minNits: Math.min(min ?? 0, max) };
}

const maxNits = 10_000;

function pointOf(data: SideData, name: string): readonly [number, number] | null {
  const [x, y] = [numberOf(data[`${name}_x`]), numberOf(data[`${name}_y`])];
  return x === null || y === null || x > 1 || y > 1 ? null : [x, y];
}

const numberOf = (value: unknown): number | null => (typeof value === 'string' ? parseFraction(value) : null);

function lightOf({ max_content, max_average }: SideData): Hdr10Metadata['light'] | null {
  if (typeof max_content !== 'number' || typeof max_average !== 'number') return null;
  const isLevel = (value: number): boolean => value > 0 && value <= 0xffff;
  return isLevel(max_content) && isLevel(max_average)
    ? { maxContentNits: Math.round(max_content), maxAverageNits: Math.round(max_average) }
    : null;
}

const first = <T>(sideData: readonly SideData[], read: (data: SideData) => T | null): T | null =>
  sideData.map(read).find((value) => value !== null) ?? null;
