/** Count-min sketch of four rows whose counters stop at 15 and are halved after each sample, so that they age. */
export interface FrequencySketch {
  /** @param entries objects that the cache holds now: counters are halved after ten times as many requests. */
  add(object: number, entries: number): void;
  /** 0 … 15, never less than the truth since the last halvings. */
  estimate(object: number): number;
}

const rows = 4;
const mostCounted = 15;
const sampleFactor = 10;
const fewestEntries = 64;
const seeds = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const;

export function makeFrequencySketch(objects: number): FrequencySketch {
  const width = 2 ** Math.ceil(Math.log2(Math.max(64, objects)));
  const counters = new Uint8Array(rows * width);
  let added = 0;
  const place = (row: number, object: number): number => {
    const mixed = Math.imul(object + 1, seeds[row] ?? 1);
    return row * width + ((mixed ^ (mixed >>> 15)) & (width - 1));
  };
  return {
    add: (object, entries) => {
      for (let row = 0; row < rows; row += 1) {
        const at = place(row, object);
        const count = counters[at] ?? 0;
        if (count < mostCounted) counters[at] = count + 1;
      }
      added += 1;
      if (added < Math.max(entries, fewestEntries) * sampleFactor) return;
      added = 0;
      for (let at = 0; at < counters.length; at += 1) counters[at] = (counters[at] ?? 0) >> 1;
    },
    estimate: (object) => {
      let least = mostCounted;
      for (let row = 0; row < rows; row += 1) {
        const count = counters[place(row, object)] ?? 0;
        if (count < least) least = count;
      }
      return least;
    },
  };
}
