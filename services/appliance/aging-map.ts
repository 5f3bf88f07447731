/**
 * A map that forgets what was set longest ago, in two halves that age: between `max / 2` and `max` entries are kept.
 *
 * Taking the oldest out of one map each time is slow where there are many: the places of what was deleted stay, and
 * looking for the first entry passes all of them.
 */
export interface AgingMap<K, V> {
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): void;
}

export function makeAgingMap<K, V>(max: number): AgingMap<K, V> {
  let young = new Map<K, V>();
  let old = new Map<K, V>();
  return {
    get: (key) => young.get(key) ?? old.get(key),
    has: (key) => young.has(key) || old.has(key),
    set(key, value) {
      if (young.size >= max / 2 && !young.has(key)) {
        old = young;
        young = new Map();
      }
      young.set(key, value);
    },
  };
}
