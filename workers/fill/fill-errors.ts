import type { FillFailureReason } from '../../shared/domain/fill.ts';
import { ApplianceApiError, type ApplianceApiErrorCode } from '../../shared/ports/appliance-api.ts';
import { ObjectStoreError } from '../../shared/ports/object-store.ts';

/** Why one file was not pushed; the words go into the report. */
export class PushFailure extends Error {
  readonly reason: FillFailureReason;

  constructor(reason: FillFailureReason, detail: string) {
    super(detail);
    this.name = 'PushFailure';
    this.reason = reason;
  }
}

/** Reason of the signal that stops all pushes of a fill before it is done. */
export class FillStopped extends Error {
  readonly reason: Extract<FillFailureReason, 'window-ended' | 'cancelled'>;

  constructor(reason: FillStopped['reason'], detail: string) {
    super(detail);
    this.name = 'FillStopped';
    this.reason = reason;
  }
}

/** Worth another try: the appliance does not answer now. */
export const isPassing = (error: unknown): boolean =>
  error instanceof ApplianceApiError && error.code === 'unreachable';
export const isStoreAway = (error: unknown): boolean =>
  error instanceof ObjectStoreError && error.code === 'unavailable';

const failureReasons = {
  unreachable: 'appliance-unreachable',
  'manifest-missing': 'appliance-refused',
  'digest-mismatch': 'digest-mismatch',
  'no-room': 'appliance-full',
  'version-gone': 'asset-deleted',
  refused: 'appliance-refused',
} as const satisfies Record<ApplianceApiErrorCode, PushFailure['reason']>;

/** @throws the error itself when it is none that a report can explain, above all that of an aborted job. */
export function asFailure(error: unknown): PushFailure {
  if (error instanceof PushFailure) return error;
  if (error instanceof FillStopped) return new PushFailure(error.reason, error.message);
  if (error instanceof ApplianceApiError) return new PushFailure(failureReasons[error.code], error.message);
  if (error instanceof ObjectStoreError) return new PushFailure('source-unreachable', error.message);
  throw error;
}
