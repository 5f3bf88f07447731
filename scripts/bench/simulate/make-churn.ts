/**
 * Makes a request log with heavy churn: half of each day's demand is for titles unseen before, and the rest for a
 * long-lived catalogue. Popularity within each half falls as 1 / rank^0.9; a new title's demand halves every six
 * hours after its release, which is at a random minute of the day; sizes are log-normal around 1 MB.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/simulate/make-churn.ts 15 20000 > churn.csv
 *
 * Arguments: days, requests a day, and any of seed, new titles a day, titles of the catalogue, share of the demand that is for new
 * titles, hours in which a new title's demand halves. The same arguments give the same log.
 */
import { makeRandom } from '../../../shared/domain/forecasting/popularity/random.ts';
import { makeDraw, makeRanks } from './draws.ts';

const [
  days = 15,
  requestsADay = 20_000,
  seed = 7,
  newTitlesADay = 400,
  catalogueTitles = 2_000,
  newShare = 0.5,
  halfLifeHours = 6,
] = process.argv.slice(2).map(Number);
const startS = Date.UTC(2026, 0, 5) / 1_000;
const dayS = 86_400;
const halfLifeS = halfLifeHours * 3_600;
const exponent = 0.9;
const random = makeRandom(seed);
const { exponential, size } = makeDraw(random);
const weightOf = (rank: number): number => (rank + 1) ** -exponent;

const catalogueSizes = Array.from({ length: catalogueTitles }, size);
const catalogueRank = makeRanks(random, catalogueTitles, weightOf);
const newRank = makeRanks(random, newTitlesADay, weightOf);
const rows: { readonly timeS: number; readonly row: string }[] = [];

for (let day = 0; day < days; day += 1) {
  const dayStartS = startS + day * dayS;
  const releases = Array.from({ length: newTitlesADay }, () => ({ atS: random() * dayS, sizeBytes: size() }));
  for (let request = 0; request < requestsADay; request += 1) {
    const isNew = random() < newShare;
    const rank = isNew ? newRank() : catalogueRank();
    const release = releases[rank];
    const releasedS = release?.atS ?? 0;
    const laterS = releasedS + (exponential() * halfLifeS) / Math.LN2;
    // What would come after midnight comes on the day of release: the next day's new titles are others.
    const newS = laterS < dayS ? laterS : releasedS + random() * (dayS - releasedS);
    const timeS = dayStartS + Math.floor(isNew ? newS : random() * dayS);
    const name = isNew ? `new-${day}-${rank}` : `old-${rank}`;
    rows.push({ timeS, row: `${timeS},${name},${isNew ? release?.sizeBytes : catalogueSizes[rank]}` });
  }
}
rows.sort((a, b) => a.timeS - b.timeS);
process.stdout.write('time,object,size\n');
for (const { row } of rows) process.stdout.write(`${row}\n`);
