import type { Region } from '../../../shared/domain/fleet.ts';
import { windowFor } from '../../../shared/domain/time/fill-window.ts';

/** Milliseconds until the plan of a window's fill is due; null when that window is over. */
export function planDelayMs(region: Region, date: string, nowMs: number, planLeadMs: number): number | null {
  const window = windowFor(date, region.window, region.timeZone);
  if (window.endMs <= nowMs) return null;
  return Math.max(0, window.startMs - planLeadMs - nowMs);
}
