/** What a plan leaves out, summed by title and reason, so that every expected byte is accounted for. */
import type { Forecast, PlanReason, PlanRejection } from '../fill.ts';
import { firstAppliance } from '../routing/rendezvous.ts';
import { expectedOf } from './expected.ts';
import type { PlannableAppliance } from './held.ts';
import { copiesOf } from './limits.ts';
import type { TitleOutline } from './shortlist.ts';

type Part = Pick<PlanRejection, 'files' | 'sizeBytes' | 'expectedBytes'>;

export type Rejections = ReturnType<typeof makeRejections>;

export function makeRejections() {
  /** Most titles have one reason, and few of them are met twice: a list each would take much memory. */
  const entries = new Map<string, Growing | Growing[]>();
  const wholes: Growing[] = [];

  return {
    add(assetId: string, reason: PlanReason, part: Part): void {
      const known = entries.get(assetId);
      const same = Array.isArray(known) ? known.find((one) => one.reason === reason) : known;
      if (same?.reason === reason) {
        same.files = same.files === null || part.files === null ? null : same.files + part.files;
        same.sizeBytes += part.sizeBytes;
        same.expectedBytes += part.expectedBytes;
        return;
      }
      const entry = { assetId, reason, ...part };
      entries.set(assetId, known ? [known, entry].flat() : entry);
    },

    /** A title that is met but once: it needs not to be found again. */
    addWhole(assetId: string, reason: PlanReason, { files, sizeBytes, expectedBytes }: Part): void {
      wholes.push({ assetId, reason, files, sizeBytes, expectedBytes });
    },

    /** What would have mattered most first. To be asked for once. */
    list(): PlanRejection[] {
      const all = wholes;
      for (const entry of entries.values()) {
        if (Array.isArray(entry)) all.push(...entry);
        else all.push(entry);
      }
      for (const entry of all) entry.expectedBytes = Math.round(entry.expectedBytes);
      return all.sort(
        (a, b) =>
          b.expectedBytes - a.expectedBytes ||
          (a.assetId < b.assetId ? -1 : a.assetId > b.assetId ? 1 : 0) ||
          (a.reason < b.reason ? -1 : 1),
      );
    },
  };
}

type Growing = { -readonly [K in keyof PlanRejection]: PlanRejection[K] };

export interface UnreadInput {
  readonly unread: readonly TitleOutline[];
  readonly forecast: Forecast;
  readonly appliances: readonly PlannableAppliance[];
  readonly closedBy: ReadonlyMap<string, PlanReason>;
}

/** By what stopped everything of less worth where the title would have come first. */
export function rejectUnread({ unread, forecast, appliances, closedBy }: UnreadInput, rejections: Rejections): void {
  const edges = appliances.map(({ appliance }) => appliance);
  for (const { assetId, sizeBytes } of unread) {
    const expectedBytes = expectedOf(forecast, assetId)?.expectedBytes ?? 0;
    if (expectedBytes <= 0) {
      rejections.addWhole(assetId, 'no-demand-forecast', { files: null, sizeBytes: sizeBytes ?? 0, expectedBytes });
      continue;
    }
    const first = firstAppliance(assetId, edges);
    const copies = copiesOf(expectedBytes, forecast.expectedBytes, edges.length);
    rejections.addWhole(assetId, (first && closedBy.get(first.id)) ?? 'no-appliance', {
      files: null,
      sizeBytes: (sizeBytes ?? 0) * Math.max(1, copies),
      expectedBytes,
    });
  }
}
