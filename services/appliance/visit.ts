import type { Outcome } from '../../shared/domain/demand.ts';
import type { Telemetry } from './telemetry.ts';
import type { ClientKind, Traffic } from './traffic.ts';

export interface VisitDeps {
  readonly traffic: Traffic;
  readonly telemetry: Telemetry;
}

/** What is known of a request as it goes on; counted once, when its connection is done with it. */
export interface Visit {
  assetId: string;
  client: ClientKind;
  outcome: Outcome | null;
  /** Counted for demand only when the asset is known to exist: addresses are the caller's to invent. */
  counts: boolean;
  view: boolean;
  readonly parts: { readonly outcome: Outcome; readonly bytes: number }[];
  /** What the answer holds in memory now. */
  held: Buffer | null;
  isOver: boolean;
  /** Called when it is over. */
  release: (() => void) | undefined;
}

export const openVisit = (): Visit => ({
  assetId: '',
  client: 'viewer',
  outcome: null,
  counts: false,
  view: false,
  parts: [],
  held: null,
  isOver: false,
  release: undefined,
});

/** `sentBytes` bounds what an interrupted answer is counted with; its headers are too few to matter. */
export function countVisit({ traffic, telemetry }: VisitDeps, visit: Visit, sentBytes: number): void {
  let left = sentBytes;
  let requests = 1;
  const first = visit.outcome ?? 'client-gone';
  for (const part of visit.parts.length > 0 ? visit.parts : [{ outcome: first, bytes: 0 }]) {
    const bytes = Math.min(part.bytes, left);
    left -= bytes;
    traffic.served(visit.client, part.outcome, requests, bytes);
    if (visit.counts && visit.client === 'viewer') {
      const views = requests === 1 && visit.view ? 1 : 0;
      telemetry.count({ assetId: visit.assetId, outcome: part.outcome, requests, views, bytes });
    }
    requests = 0;
  }
}
