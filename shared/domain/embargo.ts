/** From when a title may be played: fills bring it earlier, playback waits. */
import type { Asset } from './asset.ts';
import { localInstant } from './time/local-time.ts';

/**
 * Unix milliseconds, or null where nothing is said. A premiere date is midnight on the clock of the region that serves
 * the viewer; `premieresAt` is one instant everywhere.
 */
export function playableFromMs(
  { premieresAt, premiereDate }: Pick<Asset, 'premieresAt' | 'premiereDate'>,
  timeZone: string,
): number | null {
  if (premieresAt) return Date.parse(premieresAt);
  return premiereDate ? localInstant(premiereDate, '00:00', timeZone) : null;
}
