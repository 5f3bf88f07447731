/** Which assets a back-test looks at where there are too many for all of them. */

/** The most watched are all tested, and as many of the rest, drawn evenly. */
const mostOfEach = 10_000;

/**
 * By the assets' volumes: their places, with how many each stands for. Models are chosen for classes by sums over the
 * class, which a sample gives as well: errors of the most watched make most of the sum, and they are all in it. The same
 * history gives the same sample.
 */
export function* sampleSeries(volumes: Float64Array): Generator<readonly [place: number, weight: number]> {
  const size = volumes.length;
  if (size <= 2 * mostOfEach) {
    for (let place = 0; place < size; place += 1) yield [place, 1];
    return;
  }
  const least = volumes.toSorted()[size - mostOfEach] ?? 0;
  const rest = volumes.reduce((count, volume) => count + (volume > least ? 0 : 1), 0);
  const step = Math.max(1, rest / mostOfEach);
  let passed = 0;
  let next = 0;
  for (const [place, volume] of volumes.entries()) {
    if (volume > least) {
      yield [place, 1];
      continue;
    }
    if (passed >= next) {
      yield [place, step];
      next += step;
    }
    passed += 1;
  }
}
