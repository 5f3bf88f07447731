/**
 * Timed text: cues as WebVTT has them, whatever they were written as.
 *
 * The folder reads SubRip and WebVTT, cleans what a viewer's player would interpret, and writes WebVTT, whole or cut into
 * segments. Times are whole milliseconds, which is what both formats hold.
 */

export interface Cue {
  readonly startMs: number;
  /** Above `startMs`. */
  readonly endMs: number;
  /** WebVTT cue settings, cleaned: `line:0 align:start`; empty for the usual place. */
  readonly settings: string;
  /** WebVTT cue text, cleaned (`markup.ts`): lines without an empty one among them. */
  readonly text: string;
}

/** A file that is no subtitle file, or not wholly: its line and the mend, for the one who made it. */
export class TextError extends Error {
  /** From 1; null where the mistake is the file as a whole. */
  readonly line: number | null;

  constructor(line: number | null, message: string) {
    super(line === null ? message : `line ${line}: ${message}`);
    this.name = 'TextError';
    this.line = line;
  }
}

/** In the order of WebVTT §4.1: by start; the longer first. */
export const inOrder = (cues: readonly Cue[]): Cue[] =>
  cues.toSorted((a, b) => a.startMs - b.startMs || b.endMs - a.endMs);
