/**
 * Which planned slices were asked for since their plan came, kept on disk: so a slice that was counted as used is not counted again after
 * a restart. A bit for each planned object, and the few slices behind an object's first by number.
 */
export interface PlanUses {
  /** Of the plan that it belongs to; of another one it says nothing. */
  readonly planId: string;
  /** Base64 of a bit for each planned object, in the plan's order. */
  readonly first: string;
  /** Place in the plan's order, then slices. */
  readonly more: readonly (readonly number[])[];
}

export interface Used {
  usedFirst: boolean;
  usedMore: Set<number> | null;
}

export function packUses(planId: string, uses: Iterable<Used>, size: number): PlanUses {
  const bits = Buffer.alloc(Math.ceil(size / 8));
  const more: number[][] = [];
  let place = 0;
  for (const { usedFirst, usedMore } of uses) {
    if (usedFirst) bits[place >> 3] = (bits[place >> 3] ?? 0) | (1 << (place & 7));
    if (usedMore && usedMore.size > 0) more.push([place, ...usedMore]);
    place += 1;
  }
  return { planId, first: bits.toString('base64'), more };
}

/** Writes what was used into objects in the same order. */
export function unpackUses({ first, more }: PlanUses, uses: readonly Used[]): void {
  const bits = Buffer.from(first, 'base64');
  for (const [place, used] of uses.entries()) used.usedFirst = ((bits[place >> 3] ?? 0) & (1 << (place & 7))) !== 0;
  for (const [place = -1, ...slices] of more) {
    const used = uses[place];
    if (used) used.usedMore = new Set(slices);
  }
}

export function parsePlanUses(value: unknown): PlanUses | null {
  const { planId, first, more } = (value ?? {}) as Partial<Record<keyof PlanUses, unknown>>;
  if (typeof planId !== 'string' || typeof first !== 'string' || !Array.isArray(more)) return null;
  const rows = more.filter((row): row is number[] => Array.isArray(row) && row.every(Number.isSafeInteger));
  return { planId, first, more: rows };
}
