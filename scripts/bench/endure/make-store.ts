/**
 * Makes the folder of an appliance that holds very many small slices, as it would be after some weeks: a third kept by
 * plans, the rest pulled, demand known of all that was pulled and of 200,000 slices that are not held.
 *
 *     nice node scripts/bench/endure/make-store.ts FOLDER [SLICES=1000000]
 */
import { fileOf, filesATitle, openStore, pathOf, storeTitle, titleOf, version } from './store.ts';

const [dir = '', count = '1000000'] = process.argv.slice(2);
if (dir === '') {
  console.error('Which folder? node scripts/bench/endure/make-store.ts FOLDER [SLICES]');
  process.exit(2);
}
const titles = Math.ceil(Number(count) / filesATitle);
const absent = Math.min(200_000, Number(count) / 5);
const cache = await openStore(dir);
const startedMs = performance.now();
let laps = startedMs;
for (let title = 0; title < titles; title += 1) {
  await storeTitle(cache, title, title % 3 === 0);
  if ((title + 1) % Math.ceil(titles / 10) > 0) continue;
  const each = (((performance.now() - laps) / Math.ceil(titles / 10) / filesATitle) * 1_000).toFixed(0);
  console.log(`${(title + 1) * filesATitle} slices, the last ones in ${each} µs each`);
  laps = performance.now();
}
for (let title = 0; title < titles; title += 1)
  for (let at = title % 7; at < filesATitle - 1; at += 7)
    (await cache.readPart(`${titleOf(title)}/${version}/${pathOf(at)}`, 0, 0, 100))?.release?.();
for (let at = 0; at < absent; at += 1)
  cache.demand.missed(`other-${at % 500}/${version}/${pathOf(at)}`, { index: 0, sizeBytes: fileOf(0, 0).length }, 400);
await cache.close();
console.log(`${cache.stats().storedObjects} objects in ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
