/**
 * Which appliance of a region holds an asset: weighted rendezvous hashing.
 *
 * Every appliance draws a number for the key; the highest wins (Thaler & Ravishankar, "Using name-based mappings to
 * increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998). With `u` uniform in (0, 1), the score
 * `-w / ln(u)` wins with probability `w / Σw` (Schindelhauer & Schomaker, "Weighted distributed hash tables", SPAA 2005).
 *
 * What follows, and is tested: an appliance that leaves takes only its own keys along, and each of them goes to its
 * second choice; one that comes takes keys only for itself; a changed weight moves keys only from or to that appliance.
 * Planner, router and pulling appliances rank by the same function, so they agree without talking.
 */
import { hashUnit } from './hash.ts';

export interface Weighted {
  readonly id: string;
  /** Relative share, > 0. */
  readonly weight: number;
}

/** The appliance's score for the key: higher is better. A weight that is not above zero never wins. */
export function rendezvousScore(key: string, { id, weight }: Weighted): number {
  return weight > 0 ? -weight / Math.log(hashUnit(`${key}\u0000${id}`)) : Number.NEGATIVE_INFINITY;
}

/** The first of `rankAppliances`. */
export function firstAppliance<A extends Weighted>(key: string, appliances: readonly A[]): A | undefined {
  let first: A | undefined;
  let best = Number.NEGATIVE_INFINITY;
  for (const appliance of appliances) {
    const score = rendezvousScore(key, appliance);
    if (first && (score < best || (score === best && appliance.id > first.id))) continue;
    first = appliance;
    best = score;
  }
  return first;
}

/** The appliances, best first for the key. The order does not depend on the order given. */
export function rankAppliances<A extends Weighted>(key: string, appliances: readonly A[]): A[] {
  return appliances
    .map((appliance) => ({ appliance, score: rendezvousScore(key, appliance) }))
    .sort((a, b) => b.score - a.score || (a.appliance.id < b.appliance.id ? -1 : 1))
    .map(({ appliance }) => appliance);
}
