import { isHit, type MissCause, type Outcome } from '../../shared/domain/demand.ts';
import type { SliceSpec } from '../../shared/domain/manifest.ts';
import type { Provenance } from './provenance.ts';
import type { ServedPart } from './serve-range.ts';
import type { Telemetry } from './telemetry.ts';
import type { ClientKind, Traffic } from './traffic.ts';
import type { PlayPlace } from './watched.ts';

export interface VisitDeps {
  readonly traffic: Traffic;
  readonly telemetry: Telemetry;
  readonly provenance: Pick<Provenance, 'hit'>;
}

export interface VisitPart {
  readonly outcome: Outcome;
  readonly bytes: number;
  readonly slice: SliceSpec | null;
  readonly cause: MissCause | undefined;
}

/** What is known of a request as it goes on; counted once, when its connection is done with it. */
export interface Visit {
  assetId: string;
  /** `<assetId>/<version>/<path>`; empty until it is known. */
  key: string;
  client: ClientKind;
  outcome: Outcome | null;
  /** Counted for demand only when the asset is known to exist: addresses are the caller's to invent. */
  counts: boolean;
  view: boolean;
  /** Of media: where they are played, and the offset in the file that the answer begins at. */
  place: PlayPlace | null;
  offset: number;
  readonly parts: VisitPart[];
  /** What the answer holds in memory now. */
  held: Buffer | null;
  isOver: boolean;
  /** Its reader is not to be too slow. */
  isWatched: boolean;
  /** Session of a viewer that reads media. */
  reader: string | null;
  /** Set while it waits for a pull; called when it leaves. */
  leave: (() => void) | undefined;
  /** Called when it is over. */
  release: (() => void) | undefined;
}

export const openVisit = (): Visit => ({
  assetId: '',
  key: '',
  client: 'viewer',
  outcome: null,
  counts: false,
  view: false,
  place: null,
  offset: 0,
  parts: [],
  held: null,
  isOver: false,
  isWatched: false,
  reader: null,
  leave: undefined,
  release: undefined,
});

interface Sized {
  readonly length: number;
}

/** Notes a part of the answer as it is handed on. */
export function notePart(
  visit: Visit,
  { bytes, outcome, slice, cause }: Pick<ServedPart, 'outcome' | 'slice' | 'cause'> & { readonly bytes: Sized },
): void {
  visit.parts.push({ outcome, bytes: bytes.length, slice, cause });
}

/** `sentBytes` bounds what an interrupted answer is counted with; its headers are too few to matter. */
export function countVisit({ traffic, telemetry, provenance }: VisitDeps, visit: Visit, sentBytes: number): void {
  let left = sentBytes;
  let requests = 1;
  for (const part of visit.parts.length > 0 ? visit.parts : [none(visit.outcome ?? 'client-gone')]) {
    const bytes = Math.min(part.bytes, left);
    left -= bytes;
    traffic.served(visit.client, part.outcome, requests, bytes);
    if (visit.counts && visit.client === 'viewer') {
      const views = requests === 1 && visit.view ? 1 : 0;
      const { outcome, slice } = part;
      // Bytes that came while others pulled them are a hit by then, whatever was noted when they were asked for.
      const origin = slice && (isHit(outcome) || !part.cause ? provenance.hit(visit.key, slice) : missed(part.cause));
      telemetry.count({ assetId: visit.assetId, outcome, requests, views, bytes, origin });
      if (visit.place && slice)
        telemetry.played(visit.assetId, visit.place, visit.offset + sentBytes - left - bytes, bytes);
    }
    requests = 0;
  }
}

const none = (outcome: Outcome): VisitPart => ({ outcome, bytes: 0, slice: null, cause: undefined });

/** One of each, made once: a busy appliance counts thousands of parts a second. */
const misses = new Map<MissCause, { readonly cause: MissCause; readonly firstUseBytes: number }>();
function missed(cause: MissCause): { readonly cause: MissCause; readonly firstUseBytes: number } {
  const known = misses.get(cause) ?? { cause, firstUseBytes: 0 };
  misses.set(cause, known);
  return known;
}
