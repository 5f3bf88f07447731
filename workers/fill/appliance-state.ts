import type { PushFailure } from './fill-errors.ts';
import type { Patience } from './patience.ts';

/** What is known of one appliance while a fill pushes to it, over all batches of this process. */
export interface ApplianceState {
  readonly patience: Patience;
  /** By version: whether its `asset.json` could be stored. */
  readonly manifests: Map<string, Promise<PushFailure | null>>;
  roomRounds: number;
  clearing: Promise<boolean> | null;
  /** Set once nothing more may go to make room: whatever is not smaller is not sent. */
  fullFromBytes: number;
}

export const makeApplianceState = (patience: Patience): ApplianceState => ({
  patience,
  manifests: new Map(),
  roomRounds: 0,
  clearing: null,
  fullFromBytes: Number.POSITIVE_INFINITY,
});
