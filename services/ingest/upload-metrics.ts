import type { Metrics } from '../../shared/platform/metrics.ts';
import { Problem, type ProblemCode } from '../../shared/platform/problem.ts';

export type UploadWay = 'multipart' | 'tus' | 'url' | 'folder';

/**
 * Counts uploads by how they came and ended, and the bytes that requests brought.
 *
 * A request that fails without ending its upload (a wrong offset, a broken connection under tus) is no result.
 */
export interface UploadMetrics {
  accepted(way: UploadWay): void;
  refused(way: UploadWay, error: unknown): void;
  /** The client went away, and the upload with it. */
  brokenOff(way: UploadWay): void;
  received(way: UploadWay, bytes: number): void;
}

/** Problems that end an upload; each is a result of its own. */
const endings: readonly ProblemCode[] = [
  'invalid-request',
  'too-large',
  'too-long',
  'too-many-requests',
  'quota-exceeded',
  'url-not-allowed',
  'source-unreachable',
  'unplayable-source',
  'digest-mismatch',
  'no-room',
  'not-ready',
  'internal',
];

export function makeUploadMetrics(metrics: Metrics): UploadMetrics {
  const uploads = metrics.counter('nightfill_ingest_uploads_total', 'Uploads by way and result.', ['way', 'result']);
  const bytes = metrics.counter('nightfill_ingest_received_bytes_total', 'Bytes of uploads that were received.', [
    'way',
  ]);
  return {
    accepted: (way) => uploads.inc({ way, result: 'accepted' }),
    refused: (way, error) => {
      const result = error instanceof Problem ? error.code : 'internal';
      if (endings.includes(result)) uploads.inc({ way, result });
    },
    brokenOff: (way) => uploads.inc({ way, result: 'broken-off' }),
    received: (way, count) => {
      if (count > 0) bytes.inc({ way }, count);
    },
  };
}
