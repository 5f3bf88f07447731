/** The state a fill ends in, and the sentence that goes with it. */
import type { ApplianceFillResult, FillFailure, FillFailureReason, FillState } from '../../shared/domain/fill.ts';

const mends: Readonly<Record<FillFailureReason, string>> = {
  'appliance-unreachable': 'see that the appliances run and are reachable',
  'appliance-full': 'raise the capacity of the appliances or free their disks',
  'appliance-slow': 'see what slows the appliance or its line down',
  'appliance-refused': 'see the details in the report',
  'digest-mismatch': 'the object store holds other bytes than were published; upload the asset again',
  'source-missing': 'the object store lacks published files; upload the asset again',
  'source-unreachable': 'see that the object store is reachable from the fill worker',
  'window-ended': 'the next fill goes on; a longer window or a higher rate brings more',
  'night-budget-spent': 'the next fill goes on; a larger night budget brings more',
  'asset-deleted': 'nothing to do',
  cancelled: 'start another fill to go on',
};

/** Files of deleted assets are no reason to call a fill incomplete: nobody wants them any more. */
export function stateOf(
  failures: readonly Pick<FillFailure, 'reason'>[],
  results: readonly ApplianceFillResult[],
): FillState {
  const missing = failures.filter(({ reason }) => reason !== 'asset-deleted');
  if (missing.length === 0) return 'completed';
  if (missing.some(({ reason }) => reason === 'cancelled')) return 'cancelled';
  const anything = results.some(({ pushed, skipped }) => pushed.files + skipped.files > 0);
  const lost = missing.every(({ reason }) => reason !== 'window-ended' && reason !== 'night-budget-spent');
  return !anything && lost ? 'failed' : 'incomplete';
}

/** Null when there is nothing to say. */
export function wordsFor(failures: readonly Pick<FillFailure, 'reason' | 'heldBy'>[]): string | null {
  const counts = new Map<FillFailureReason, number>();
  for (const { reason } of failures) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  if (counts.size === 0) return null;
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([reason, n]) => `${n} × ${reason} (${mends[reason]})`);
  const taken = failures.filter(({ heldBy }) => heldBy !== undefined).length;
  const others = taken > 0 ? ` Other appliances of the region took ${taken} of them.` : '';
  return `${failures.length} file${failures.length === 1 ? ' was' : 's were'} not pushed: ${parts.join('; ')}.${others}`;
}
