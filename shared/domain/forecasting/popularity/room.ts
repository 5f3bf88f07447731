/** Columns with a place for each series, which grow together when a series with a higher number comes. */
type Cells = Float64Array | Uint32Array | Uint8Array;

export interface ColumnOf<T extends Cells> {
  /** Replaced when the room grows: to be read anew by each call. */
  cells: T;
}

export interface Room {
  column<T extends Cells>(make: (length: number) => T, width?: number): ColumnOf<T>;
  /** Sees to it that there is a place for the series. */
  admit(series: number): void;
  readonly size: () => number;
}

export function makeRoom(initial: number): Room {
  let size = Math.max(1, initial);
  const growers: ((length: number) => void)[] = [];
  return {
    column: <T extends Cells>(make: (length: number) => T, width = 1) => {
      const column: ColumnOf<T> = { cells: make(size * width) };
      growers.push((length) => {
        const larger = make(length * width);
        larger.set(column.cells);
        column.cells = larger;
      });
      return column;
    },
    admit: (series) => {
      if (series < size) return;
      size = Math.max(series + 1, size * 2);
      for (const grow of growers) grow(size);
    },
    size: () => size,
  };
}
