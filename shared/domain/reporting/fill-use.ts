/** What became of filled bytes: how much was served from them, and what nobody asked for. */
import { type ByteCause, byteCauses, type ServiceRow } from '../demand.ts';
import type { FillReport } from '../fill.ts';
import type { ApplianceUse, FillUse } from '../score.ts';
import { type DayInputs, ratio, sum } from './day-inputs.ts';

export const isMiss = (cause: ByteCause): boolean => cause !== 'filled' && cause !== 'kept' && cause !== 'pulled';

export function fillUse(report: FillReport, inputs: DayInputs): FillUse {
  const causes = byCause(inputs.service);
  const total = sum(Object.values(causes));
  const pushedBytes = sum(Object.values(report.pushedByAsset ?? {}));
  const usedBytes = usedOf(report, inputs);
  const appliances = Map.groupBy(inputs.service, ({ applianceId }) => applianceId);
  return {
    causes,
    pushedBytes,
    usedBytes,
    unusedBytes: pushedBytes - usedBytes,
    servedPerPushedByte: ratio(causes.filled, sum(inputs.pushedBytes.values())),
    filledShare: ratio(causes.filled, total),
    plannedShare: ratio(causes.filled + causes.kept, total),
    appliances: [...appliances].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, rows]) => applianceUse(id, rows)),
  };
}

/**
 * Several fills of a date share what was used of an asset as they share what was pushed of it. An appliance that was
 * restarted counts first uses again, so never more than was pushed counts.
 */
function usedOf({ pushedByAsset = {} }: FillReport, { usedBytes, pushedBytes }: DayInputs): number {
  return sum(
    Object.entries(pushedByAsset).map(([assetId, bytes]) => {
      const all = pushedBytes.get(assetId) ?? bytes;
      const used = all > 0 ? ((usedBytes.get(assetId) ?? 0) * bytes) / all : 0;
      return Math.min(bytes, Math.round(used));
    }),
  );
}

function byCause(rows: readonly ServiceRow[]): Record<ByteCause, number> {
  const sums = Object.fromEntries(byteCauses.map((cause) => [cause, 0])) as Record<ByteCause, number>;
  for (const { cause, bytes } of rows) sums[cause] += bytes;
  return sums;
}

function applianceUse(applianceId: string, rows: readonly ServiceRow[]): ApplianceUse {
  const causes = byCause(rows);
  const servedBytes = sum(Object.values(causes));
  const { filled, kept, pulled } = causes;
  return {
    applianceId,
    servedBytes,
    filledBytes: filled,
    keptBytes: kept,
    pulledBytes: pulled,
    missedBytes: servedBytes - filled - kept - pulled,
    byteHitRatio: ratio(filled + kept + pulled, servedBytes),
  };
}
