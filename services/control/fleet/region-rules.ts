/** What a region must be, in words that name the mend. */
import type { FillWindow, Region } from '../../../shared/domain/fleet.ts';
import { mostPulledShare } from '../../../shared/domain/planning/limits.ts';
import { parseNetwork } from '../../../shared/domain/routing/network.ts';
import { comingWindow } from '../../../shared/domain/time/fill-window.ts';
import { isTimeZone } from '../../../shared/domain/time/local-time.ts';
import { idMistakes, type Mistake, positive, unless } from './mistakes.ts';

const timePattern = /^([01]\d|2[0-3]):[0-5]\d$/;

/** All mistakes at once, so that one round is enough to mend them. */
export function regionMistakes(region: Region, nowMs: number): Mistake[] {
  const { window, timeZone, budget, coverage, topUp, pulledShare } = region;
  const zoneKnown = isTimeZone(timeZone);
  const formal = [
    ...idMistakes(region.id),
    ...unless(region.name.trim() !== '', 'name', 'must not be empty'),
    ...unless(zoneKnown, 'timeZone', `must be an IANA time zone such as Europe/Berlin (got ${quote(timeZone)})`),
    ...timeMistakes(window, 'start'),
    ...timeMistakes(window, 'end'),
    ...positive(
      budget.bytesPerNight,
      'budget.bytesPerNight',
      'bytes; set fillEnabled to false to stop the nightly fill',
    ),
    ...positive(budget.rateBps, 'budget.rateBps', 'bits a second'),
    ...(typeof budget.peerRateBps === 'number'
      ? positive(budget.peerRateBps, 'budget.peerRateBps', 'bits a second, or null for ten times rateBps')
      : []),
    ...tariffMistakes(region),
    ...(topUp ? positive(topUp.bytesPerDay, 'topUp.bytesPerDay', 'bytes; set topUp to null to stop top-ups') : []),
    ...(topUp ? positive(topUp.rateBps, 'topUp.rateBps', 'bits a second') : []),
    ...unless(
      typeof pulledShare !== 'number' || (pulledShare >= 0 && pulledShare <= mostPulledShare),
      'pulledShare',
      `must be a share of each disk, 0 to ${mostPulledShare}, or null to have it decided from the region's log`,
    ),
    ...coverage.networks.flatMap((network, index) => networkMistakes(network, `coverage.networks[${index}]`)),
  ];
  return formal.length > 0 || !zoneKnown ? formal : windowMistakes(window, timeZone, nowMs);
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 80));

const timeMistakes = (window: FillWindow, side: 'start' | 'end'): Mistake[] =>
  unless(
    timePattern.test(window[side]),
    `window.${side}`,
    `must be a time of day as HH:MM, 00:00 to 23:59 (got ${quote(window[side])})`,
  );

function tariffMistakes({ tariff }: Region): Mistake[] {
  if (!tariff) return [];
  const price = (value: number | undefined, at: string): Mistake[] =>
    unless(
      value === undefined || (Number.isFinite(value) && value >= 0),
      at,
      'must be a price of a gigabyte, 0 or more',
    );
  return [
    ...unless(
      /^[A-Z]{3}$/.test(tariff.currency),
      'tariff.currency',
      `must be an ISO 4217 code such as EUR (got ${quote(tariff.currency)})`,
    ),
    ...price(tariff.perGb, 'tariff.perGb'),
    ...price(tariff.nightPerGb, 'tariff.nightPerGb'),
  ];
}

function networkMistakes(text: string, at: string): Mistake[] {
  const ok = parseNetwork(text) !== null && text.includes('/');
  return unless(ok, at, `must be a CIDR network such as 192.0.2.0/24 or 2001:db8::/32 (got ${quote(text)})`);
}

/** A window that never opens would stop the nightly fill without a word. */
function windowMistakes(window: FillWindow, timeZone: string, nowMs: number): Mistake[] {
  try {
    comingWindow(nowMs, window, timeZone);
    return [];
  } catch {
    return [{ at: 'window', message: `never opens on the clock of ${timeZone}; choose other times` }];
  }
}
