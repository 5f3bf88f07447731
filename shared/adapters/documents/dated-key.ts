/** Names of documents that belong to a date and a run, read back from their keys: `eu-berlin-2026-11-21-2`. */

export interface DatedName {
  /** What stands before the date, without the hyphen between them; empty when nothing does. */
  readonly owner: string;
  /** `YYYY-MM-DD` */
  readonly date: string;
  /** 1 where the name has no number. */
  readonly run: number;
}

const pattern = /^(?:(.+)-)?(\d{4}-\d{2}-\d{2})(?:-([1-9]\d*))?$/;

/** Null when the key is not `<prefix>[<owner>-]<date>[-<run>].json`. */
export function parseDatedKey(key: string, prefix: string): DatedName | null {
  if (!key.startsWith(prefix) || !key.endsWith('.json')) return null;
  const found = pattern.exec(key.slice(prefix.length, -'.json'.length));
  if (!found) return null;
  return { owner: found[1] ?? '', date: found[2] ?? '', run: found[3] === undefined ? 1 : Number(found[3]) };
}

/** Newest date first, then the last run first, then by owner. */
export const newestFirst = (a: DatedName, b: DatedName): number =>
  compare(b.date, a.date) || b.run - a.run || compare(a.owner, b.owner);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
