/** Progress of long work: how fast, how long still, and one line that says so. */
import { formatDuration } from './format.ts';
import { fitText } from './width.ts';

export interface Estimate {
  /** Units a second over the last seconds; null before there is anything to reckon with. */
  readonly ratePerS: number | null;
  /** Milliseconds until `total`; null when it cannot be known. */
  readonly remainingMs: number | null;
}

/**
 * Estimates from the last `windowMs`: long enough to be calm, short enough to notice a change.
 *
 * Times are Unix milliseconds from the caller. A value smaller than the one before begins anew, because a resumed
 * upload may start earlier than it stopped.
 */
export function makeEstimator(windowMs = 10_000): (nowMs: number, done: number, total: number) => Estimate {
  let samples: { readonly atMs: number; readonly done: number }[] = [];
  return (nowMs, done, total) => {
    if (done < (samples.at(-1)?.done ?? 0)) samples = [];
    samples.push({ atMs: nowMs, done });
    // The newest sample that is older than the window stays: the reckoning spans at least the window.
    while (samples[1] && nowMs - samples[1].atMs >= windowMs) samples.shift();
    const first = samples[0];
    const elapsedMs = first ? nowMs - first.atMs : 0;
    if (!first || elapsedMs < 200) return { ratePerS: null, remainingMs: null };
    const ratePerS = ((done - first.done) * 1_000) / elapsedMs;
    const left = Math.max(0, total - done);
    return { ratePerS, remainingMs: left === 0 ? 0 : ratePerS > 0 ? (left / ratePerS) * 1_000 : null };
  };
}

/** `, 1m20s left`, or nothing where that is not known. */
export const leftText = (remainingMs: number | null): string =>
  remainingMs === null || remainingMs <= 0 ? '' : `, ${formatDuration(remainingMs)} left`;

/** Where a progress line goes. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressLine {
  /** Shows the newest state; drawn at most a few times a second, and every few seconds where it cannot be redrawn. */
  show(text: string): void;
  /** A line that stays. */
  keep(text: string): void;
  /** Ends the line; the last state stays only where it was printed as a line of its own. */
  clear(): void;
}

const redrawMs = 100;
const plainIntervalMs = 5_000;
const clearLine = '\r\u001b[2K';

/** On a terminal the line is rewritten in its place; elsewhere plain lines come at intervals. */
export function makeProgressLine(stream: ProgressStream, now: () => number = Date.now): ProgressLine {
  const live = stream.isTTY === true;
  // Plain lines begin after the first interval: work that is done by then needs none.
  let shownAtMs = live ? Number.NEGATIVE_INFINITY : now();
  let shown = '';
  const erase = (): void => {
    if (live && shown) stream.write(clearLine);
    shown = '';
  };
  return {
    show: (text) => {
      const nowMs = now();
      if (text === shown || nowMs - shownAtMs < (live ? redrawMs : plainIntervalMs)) return;
      shownAtMs = nowMs;
      shown = text;
      // One column stays free: a full line makes some terminals wrap.
      stream.write(live ? clearLine + fitText(text, (stream.columns ?? 80) - 1) : `${text}\n`);
    },
    keep: (text) => {
      erase();
      stream.write(`${text}\n`);
      shownAtMs = live ? Number.NEGATIVE_INFINITY : now();
    },
    clear: erase,
  };
}

/** `[█████░░░░░]` for a share 0 … 1. */
export function bar(share: number, width = 10): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${'█'.repeat(full)}${'░'.repeat(width - full)}]`;
}
