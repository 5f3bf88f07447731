/**
 * Who reads in sequence, told from those who jump about.
 *
 * A reader has streams (renditions), each a row of files. A read continues the one before where it begins at the very
 * byte behind it, or at the beginning of the next file when the one before ended its own. What was just read may be read
 * again, wholly or in part, and says nothing. Everything else is a jump, and the reader begins anew.
 */
export interface Read {
  /** Number of the file within its stream. */
  readonly file: number;
  readonly fileBytes: number;
  readonly from: number;
  /** Behind the last byte. */
  readonly to: number;
}

/** `continues`: how many reads in a row have gone on from the one before. */
export type Step = { readonly kind: 'continued'; readonly continues: number } | { readonly kind: 'again' | 'jumped' };

export interface Sequence {
  note(read: Read): Step;
}

export function makeSequence(first: Read): Sequence {
  let last = first;
  let continues = 0;
  return {
    note(read) {
      const isSameFile = read.file === last.file;
      const goesOn = isSameFile
        ? read.from === last.to && read.to > read.from
        : read.file === last.file + 1 && read.from === 0 && last.to === last.fileBytes;
      if (!goesOn && isSameFile && read.from >= last.from && read.to <= last.to) return { kind: 'again' };
      last = read;
      continues = goesOn ? continues + 1 : 0;
      return goesOn ? { kind: 'continued', continues } : { kind: 'jumped' };
    },
  };
}

/** How many slices to have ahead of a reader: none before it has gone on twice, and never more than two. */
export const slicesAhead = (continues: number): number => (continues < 2 ? 0 : continues < 5 ? 1 : 2);
