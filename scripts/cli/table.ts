/** Aligned tables that fit the terminal. */
import { displayWidth, fitText } from './width.ts';

export interface Column {
  readonly head: string;
  /** Numbers stand on the right. */
  readonly align?: 'left' | 'right';
  /** May be cut when the terminal is too narrow: free text, never ids or numbers that people copy. */
  readonly shrink?: boolean;
}

const gap = '  ';
const narrowest = 8;

/** Widths of the columns, the widest shrinkable ones cut first until the row fits; `width` null means no limit. */
function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | null,
): number[] {
  const widths = columns.map((column, index) =>
    Math.max(displayWidth(column.head), ...rows.map((row) => displayWidth(row[index] ?? ''))),
  );
  if (width === null) return widths;
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap.length * (columns.length - 1) - width;
  while (excess > 0) {
    const widest = columns.reduce<number | null>((best, column, index) => {
      const own = widths[index] ?? 0;
      if (!column.shrink || own <= Math.max(narrowest, displayWidth(column.head))) return best;
      return best === null || own > (widths[best] ?? 0) ? index : best;
    }, null);
    if (widest === null) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

/**
 * The lines of a table, head first.
 *
 * @param width columns of the terminal; null, as for a pipe, cuts nothing.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | null,
): string[] {
  const widths = columnWidths(columns, rows, width);
  const line = (cells: readonly string[]): string =>
    columns
      .map((column, index) => {
        const cell = fitText(cells[index] ?? '', widths[index] ?? 0);
        const padding = ' '.repeat((widths[index] ?? 0) - displayWidth(cell));
        return column.align === 'right' ? padding + cell : cell + padding;
      })
      .join(gap)
      .trimEnd();
  return [line(columns.map((column) => column.head)), ...rows.map(line)];
}

/** `name  value` lines with the values under each other. */
export function factLines(facts: readonly (readonly [name: string, value: string | null])[]): string[] {
  const given = facts.filter((fact): fact is readonly [string, string] => fact[1] !== null);
  const width = Math.max(0, ...given.map(([name]) => displayWidth(name)));
  return given.map(([name, value]) => `${name}${' '.repeat(width - displayWidth(name))}${gap}${value}`.trimEnd());
}
