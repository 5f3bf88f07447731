/**
 * What could lie on which appliance: each asset with demand, on its first appliances by rendezvous ranking, split into
 * the files that lie there whole and those that do not.
 */
import type { AssetForecast, PlannedFile } from '../fill.ts';
import type { Appliance } from '../fleet.ts';
import { rankAppliances } from '../routing/rendezvous.ts';
import { copiesOf, swapFactor } from './limits.ts';
import { orderedFiles, type PlannableVersion, type VersionFile } from './version-files.ts';

/** What an appliance says that it holds. */
export interface HeldObject {
  readonly key: string;
  readonly heldBytes: number;
}

export interface PlannableAppliance {
  readonly appliance: Appliance;
  readonly inventory: readonly HeldObject[];
}

/** Files of one asset on one appliance that are all held, or all missing. */
export interface Candidate {
  readonly assetId: string;
  readonly applianceId: string;
  readonly held: boolean;
  /** Expected bytes per byte; the same for all files of the group. */
  readonly value: number;
  /** What groups are compared by: the value, with the swap's cost in favour of what is held. */
  readonly rank: number;
  readonly files: readonly (PlannedFile & { readonly base: boolean })[];
}

/** Above every value that a forecast comes to. */
const mustHaveRank = 1e12;

export function candidatesOf(
  forecast: Pick<AssetForecast, 'assetId' | 'expectedBytes'>,
  version: PlannableVersion,
  regionExpectedBytes: number,
  appliances: readonly PlannableAppliance[],
  heldOn: (applianceId: string, key: string) => number,
  mustHave = false,
): Candidate[] {
  const files = orderedFiles(version);
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const copies = copiesOf(forecast.expectedBytes, regionExpectedBytes, appliances.length);
  const value = sizeBytes > 0 ? forecast.expectedBytes / copies / sizeBytes : 0;
  return rankAppliances(
    forecast.assetId,
    appliances.map(({ appliance }) => appliance),
  )
    .slice(0, copies)
    .flatMap(({ id: applianceId }) => {
      const planned = (file: VersionFile, reason: PlannedFile['reason']) => ({
        key: file.key,
        assetId: forecast.assetId,
        rendition: file.rendition,
        sizeBytes: file.sizeBytes,
        sha256: file.sha256,
        expectedBytes: value * file.sizeBytes,
        value,
        reason,
        base: file.base,
      });
      const isHeld = (file: VersionFile): boolean => heldOn(applianceId, file.key) >= Math.max(1, file.sizeBytes);
      const of = { assetId: forecast.assetId, applianceId, value };
      const held = files.filter(isHeld).map((file) => planned(file, 'already-held'));
      const missing = files
        .filter((file) => !isHeld(file))
        .map((file) => planned(file, mustHave ? 'must-have' : 'expected-demand'));
      const first = mustHave ? mustHaveRank : 0;
      return [
        ...(held.length > 0 ? [{ ...of, held: true, rank: first + value * swapFactor, files: held }] : []),
        ...(missing.length > 0 ? [{ ...of, held: false, rank: first + value, files: missing }] : []),
      ];
    });
}

/** The most valuable first; at equal value what is held, then by name, so that equal inputs give equal plans. */
export const byRank = (a: Candidate, b: Candidate): number =>
  b.rank - a.rank ||
  Number(b.held) - Number(a.held) ||
  compare(a.assetId, b.assetId) ||
  compare(a.applianceId, b.applianceId);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
