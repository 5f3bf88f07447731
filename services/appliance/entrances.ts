/**
 * Addresses that were admitted lately: who asks by them, and for what.
 *
 * An address holds its token, so the same address by the same host means the same decision, until the token expires or
 * something changes that could turn it over: keys, revocations, deletions. All three are looked at every time.
 */
import type { Clock } from '../../shared/ports/clock.ts';
import type { Version } from './manifest-shape.ts';
import type { MediaUrl } from './media-url.ts';

export interface Entrance {
  readonly url: MediaUrl;
  readonly session: string;
  readonly version: Version;
}

export interface Entrances {
  find(target: string, origin: string): Entrance | null;
  /** To be taken before a decision and given with it: what changed in between makes it void. */
  generation(): number;
  remember(target: string, origin: string, entrance: Entrance, expiresAtS: number, madeAt: number): void;
}

interface Remembered extends Entrance {
  readonly origin: string;
  readonly expiresAtMs: number;
}

/** About a kilobyte each. Two halves instead of a list in order of use: a look-up changes nothing, nearly always. */
const maxEntrances = 10_000;

/** `generation` changes whenever what was admitted may no longer be. */
export function makeEntrances(clock: Clock, generation: () => number): Entrances {
  let young = new Map<string, Remembered>();
  let old = new Map<string, Remembered>();
  let of = generation();

  function add(target: string, entrance: Remembered): void {
    if (young.size >= maxEntrances / 2) {
      old = young;
      young = new Map();
    }
    young.set(target, entrance);
  }

  return {
    find(target, origin) {
      if (of !== generation()) return null;
      let found = young.get(target);
      if (!found) {
        found = old.get(target);
        if (!found) return null;
        old.delete(target);
        add(target, found);
      }
      return found.origin === origin && clock.now() < found.expiresAtMs ? found : null;
    },
    generation,
    remember(target, origin, entrance, expiresAtS, madeAt) {
      const now = generation();
      if (madeAt !== now) return;
      if (of !== now) {
        young = new Map();
        old = new Map();
        of = now;
      }
      add(target, { ...entrance, origin, expiresAtMs: expiresAtS * 1_000 });
    },
  };
}
