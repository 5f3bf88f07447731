/** A set of small whole numbers that knows its largest member: a tree of 32-way bitmaps, a few steps deep. */
export interface PositionSet {
  add(value: number): void;
  remove(value: number): void;
  /** The largest member, or -1. */
  largest(): number;
}

export function makePositionSet(below: number): PositionSet {
  const levels: Int32Array[] = [];
  for (let bits = Math.max(1, below); ; bits = Math.ceil(bits / 32)) {
    levels.push(new Int32Array(Math.ceil(bits / 32)));
    if (bits <= 32) break;
  }
  return {
    add: (value) => {
      let place = value;
      for (const words of levels) {
        const word = place >>> 5;
        words[word] = (words[word] ?? 0) | (1 << (place & 31));
        place = word;
      }
    },
    remove: (value) => {
      let place = value;
      for (const words of levels) {
        const word = place >>> 5;
        const rest = (words[word] ?? 0) & ~(1 << (place & 31));
        words[word] = rest;
        if (rest !== 0) return;
        place = word;
      }
    },
    largest: () => {
      let place = 0;
      for (let level = levels.length - 1; level >= 0; level -= 1) {
        const word = levels[level]?.[place] ?? 0;
        if (word === 0) return -1;
        place = place * 32 + 31 - Math.clz32(word);
      }
      return place;
    },
  };
}
