import type { Metrics } from '../../shared/platform/metrics.ts';
import { Problem } from '../../shared/platform/problem.ts';

export type UploadWay = 'multipart' | 'tus';

/** Counts uploads by how they came and ended, and the bytes that requests brought. */
export interface UploadMetrics {
  accepted(way: UploadWay): void;
  /** The result is the problem's code, or `broken-off` for a client that went away. */
  refused(way: UploadWay, error: unknown): void;
  received(way: UploadWay, bytes: number): void;
}

export function makeUploadMetrics(metrics: Metrics): UploadMetrics {
  const uploads = metrics.counter('nightfill_ingest_uploads_total', 'Uploads by way and result.', ['way', 'result']);
  const bytes = metrics.counter('nightfill_ingest_received_bytes_total', 'Bytes of uploads that were received.', [
    'way',
  ]);
  return {
    accepted: (way) => uploads.inc({ way, result: 'accepted' }),
    refused: (way, error) => uploads.inc({ way, result: resultOf(error) }),
    received: (way, count) => {
      if (count > 0) bytes.inc({ way }, count);
    },
  };
}

const resultOf = (error: unknown): string => (error instanceof Problem ? error.code : 'internal');
