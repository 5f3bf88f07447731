/** A part of a fill that any worker can carry out: files of one appliance's plan, and what became of them. */
import type { FillCount, FillFailureReason, FillSource } from './fill.ts';

export interface FillBatch {
  readonly fillId: string;
  /** Unique within the fill. */
  readonly batch: string;
  /** Where the files go. */
  readonly applianceId: string;
  /** In whose part of the plan they are; another than `applianceId` where that one stands in for it. */
  readonly plannedFor: string;
  /** Places in that part's `fetch`. */
  readonly files: readonly number[];
  /** Appliances of the region that hold them by now: asked first, so that nothing crosses into the region twice. */
  readonly peers: readonly string[];
  /** Unix milliseconds; nothing leaves after it. Null: the window does not bound this fill. */
  readonly endsAtMs: number | null;
}

/** What is named nowhere was stored. All numbers are places as in `FillBatch.files`. */
export interface FillBatchResult {
  /** Held already when their turn came. */
  readonly held: readonly number[];
  /** Not begun, or cut: the fill was stopped, or paused. */
  readonly stopped: readonly number[];
  readonly failed: readonly { readonly file: number; readonly reason: FillFailureReason; readonly detail: string }[];
  readonly evicted: FillCount;
  /** What was stored, by where it came from. */
  readonly sources: Readonly<Partial<Record<FillSource, FillCount>>>;
}
