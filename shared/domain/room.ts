/** Columns with a place for each series, which grow together when a series with a higher number comes. */
export interface Column {
  /** Replaced when the room grows: to be read anew by each call. */
  cells: Float64Array;
}

export interface Room {
  column(make: (length: number) => Float64Array, width?: number): Column;
  /** Sees to it that there is a place for the series. */
  admit(series: number): void;
  readonly size: () => number;
  /** The columns for the first `series`, in the order in which they were made, as they lie: what is kept must be copied. */
  save(series: number): readonly Float64Array[];
  /** @throws RangeError when these are not as many columns of these widths; nothing has changed then. */
  restore(saved: readonly Float64Array[]): void;
}

export function makeRoom(initial: number): Room {
  let size = Math.max(1, initial);
  const all: { readonly column: Column; readonly width: number; readonly make: (length: number) => Float64Array }[] =
    [];
  const resize = (next: number): void => {
    size = next;
    for (const { column, width, make } of all) {
      const larger = make(size * width);
      larger.set(column.cells);
      column.cells = larger;
    }
  };
  return {
    column: (make, width = 1) => {
      const column: Column = { cells: make(size * width) };
      all.push({ column, width, make });
      return column;
    },
    admit: (series) => {
      if (series >= size) resize(Math.max(series + 1, size * 2));
    },
    size: () => size,
    save: (series) => all.map(({ column, width }) => column.cells.subarray(0, Math.min(series, size) * width)),
    restore: (saved) => {
      const length = (saved[0]?.length ?? 0) / (all[0]?.width ?? 1);
      if (saved.length !== all.length || all.some(({ width }, at) => saved[at]?.length !== length * width))
        throw new RangeError('the columns are of another make');
      if (length > size) resize(length);
      for (const [at, { column }] of all.entries()) column.cells.set(saved[at] ?? []);
    },
  };
}
