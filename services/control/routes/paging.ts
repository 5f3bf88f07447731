import type { Page } from '../../../shared/ports/catalogue.ts';

/** One page of a list that is short enough to be read whole; the cursor is the last id. */
export function pageById<T extends { readonly id: string }>(
  all: readonly T[],
  { after, limit = 100 }: { readonly after?: string; readonly limit?: number },
): Page<T> {
  const rest = after === undefined ? all : all.filter(({ id }) => id > after);
  const items = rest.slice(0, limit);
  return { items, next: rest.length > items.length ? (items.at(-1)?.id ?? null) : null };
}

/** One page of a list in any order, newest first for one; the cursor is the last id. */
export function pageBehind<T extends { readonly id: string }>(
  all: readonly T[],
  { after, limit }: { readonly after?: string; readonly limit: number },
): Page<T> {
  const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const items = all.slice(start, start + limit);
  return { items, next: all.length > start + items.length ? (items.at(-1)?.id ?? null) : null };
}
