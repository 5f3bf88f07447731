import type { FastifyReply, FastifyRequest } from 'fastify';
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
}

/** Begins to count a request; it is entered into the books when its connection is done with it. */
export function openVisit(deps: VisitDeps, request: FastifyRequest, reply: FastifyReply): Visit {
  const visit: Visit = { assetId: '', client: 'viewer', outcome: null, counts: false, view: false, parts: [] };
  const { socket } = request.raw;
  const writtenBefore = socket.bytesWritten;
  deps.traffic.opened();
  reply.raw.once('close', () => {
    deps.traffic.closed();
    const finished = reply.raw.writableFinished;
    const sentBytes = finished ? Number.POSITIVE_INFINITY : Math.max(0, socket.bytesWritten - writtenBefore);
    countVisit(deps, visit, sentBytes);
  });
  return visit;
}

/** `sentBytes` bounds what an interrupted answer is counted with; its headers are too few to matter. */
function countVisit({ traffic, telemetry }: VisitDeps, visit: Visit, sentBytes: number): void {
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
