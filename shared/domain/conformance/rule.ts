import type { Stream } from './model.ts';

/**
 * - `error`: a MUST of RFC 8216 is broken, what a playlist states is untrue of its media, or a MUST of Apple's on playlists
 *   and segments is broken. Such a stream is not published.
 * - `warning`: a MUST of Apple's on what is offered beside or how it is delivered, or a SHOULD.
 * - `note`: a preference that good streams may have reasons not to follow.
 */
export type Severity = 'error' | 'warning' | 'note';

/** One requirement. Its id never changes its meaning and is never used again. */
export interface Rule {
  /** `NF` and three digits; the hundreds are the chapters of docs/packaging.md. */
  readonly id: string;
  readonly severity: Severity;
  /** What must hold, in one sentence. */
  readonly requirement: string;
  /** Where that stands: sections of RFC 8216 (`RFC 8216 §4.3.3.1`) and of Apple's HLS Authoring Specification (`Apple 7.7`). */
  readonly sources: readonly string[];
  check(stream: Stream): Check;
}

export interface Check {
  /** Places that could be judged; 0 means that the rule says nothing of this stream. */
  readonly looked: number;
  readonly violations: readonly Violation[];
}

export interface Violation {
  /** Playlist or segment. */
  readonly at: string;
  /** What was found, with its unit. */
  readonly measured: string;
  /** What should be there. */
  readonly expected: string;
}

/** Judges places one by one: `undefined` is a place that cannot be judged, `null` one where all is well. */
export function judge<T>(places: readonly T[], test: (place: T) => Violation | null | undefined): Check {
  const verdicts = places.map(test).filter((verdict) => verdict !== undefined);
  return { looked: verdicts.length, violations: verdicts.filter((verdict) => verdict !== null) };
}

export const violation = (at: string, measured: string, expected: string): Violation => ({ at, measured, expected });

/** The verdict on one place from a plain question. */
export const verdict = (holds: boolean, at: string, measured: string, expected: string): Violation | null =>
  holds ? null : violation(at, measured, expected);

export const seconds = (value: number): string => `${Number(value.toFixed(3))} s`;
export const rate = (bps: number): string => `${Math.round(bps)} bit/s`;
