import type { FillFailureReason } from '../../shared/domain/fill.ts';

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
