/**
 * Makes a request log of a video service with a weekly season and premieres: what nights of filling are for.
 *
 * A catalogue of standing titles, each with its own busy weekdays; series, of which one episode comes each week at a fixed hour
 * and is watched most on its evening; every day is busiest in the evening. Of what a request asks for, `--share-weekly` is for
 * standing titles on their weekdays and `--share-premieres` for episodes of the last week; the rest is steady. Popularity falls as
 * 1 / rank^`--exponent` within each part; sizes are log-normal around 1 MB. In one region, or with `--regions` in several, which
 * differ in size and share what is popular.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/simulate/make-weekly.ts --days 28 --requests 20000 > weekly.csv
 *
 * The same arguments give the same log. Its seasons are what the models of the forecast look for, which flatters whoever forecasts; a
 * share of 0 for both is a log without any.
 */
import { parseArgs } from 'node:util';
import { makeRandom } from '../../../shared/domain/forecasting/popularity/random.ts';
import { makeDraw, makeRanks } from './draws.ts';

const { values } = parseArgs({
  options: {
    days: { type: 'string', default: '28' },
    requests: { type: 'string', default: '20000' },
    titles: { type: 'string', default: '3000' },
    series: { type: 'string', default: '120' },
    'share-weekly': { type: 'string', default: '0.35' },
    'share-premieres': { type: 'string', default: '0.25' },
    exponent: { type: 'string', default: '0.8' },
    regions: { type: 'string', default: '1' },
    seed: { type: 'string', default: '11' },
  },
});
const [days, requestsADay, titles, series] = [values.days, values.requests, values.titles, values.series].map(Number);
const [weeklyShare, premiereShare, exponent] = [values['share-weekly'], values['share-premieres'], values.exponent].map(
  Number,
);
const regions = Number(values.regions);
const random = makeRandom(Number(values.seed));
const { exponential, size } = makeDraw(random);

const startS = Date.UTC(2026, 0, 5) / 1_000;
const hourS = 3_600;
const dayS = 24 * hourS;
/** An episode's demand halves each day after its first evening. */
const episodeHalfLifeS = dayS;
/** By hour: the evening is four times as busy as the small hours. */
const byHour = Array.from({ length: 24 }, (_, hour) => 1 + 1.5 * (1 + Math.cos(((hour - 20) / 24) * 2 * Math.PI)));

const hourOf = makeRanks(random, 24, (hour) => byHour[hour] ?? 1);
const standing = Array.from({ length: titles ?? 0 }, () => ({ sizeBytes: size(), weekday: Math.floor(random() * 7) }));
const shows = Array.from({ length: series ?? 0 }, () => ({
  weekday: Math.floor(random() * 7),
  premiereS: (17 + Math.floor(random() * 5)) * hourS,
}));
const zipf = (rank: number): number => (rank + 1) ** -(exponent ?? 1);
const anyTitle = makeRanks(random, standing.length, zipf);
const anyShow = makeRanks(random, shows.length, zipf);
const titleOfWeekday = Array.from({ length: 7 }, (_, weekday) =>
  makeRanks(random, standing.length, (rank) => (standing[rank]?.weekday === weekday ? zipf(rank) : 0)),
);
const anyRegion = makeRanks(random, regions, (rank) => 1 / (rank + 1));
const episodeSizes = new Map<string, number>();
const rows: { readonly timeS: number; readonly row: string }[] = [];

const ask = (timeS: number, name: string, sizeBytes: number): void => {
  const region = regions > 1 ? `,R${anyRegion() + 1}` : '';
  rows.push({ timeS, row: `${Math.floor(timeS)},${name},${sizeBytes}${region}` });
};
/** A series, by how popular it is and how long ago its last episode came. */
function showOn(day: number): { readonly show: number; readonly premiereS: number; readonly since: number } {
  for (;;) {
    const show = anyShow();
    const { weekday, premiereS } = shows[show] ?? { weekday: 0, premiereS: 0 };
    const since = (((day - weekday) % 7) + 7) % 7;
    if (random() < 0.5 ** ((since * dayS) / episodeHalfLifeS)) return { show, premiereS, since };
  }
}
function askForEpisode(day: number): void {
  const { show, premiereS, since } = showOn(day);
  const episode = `episode-${show}-${Math.floor((day - since) / 7)}`;
  const sizeBytes = episodeSizes.get(episode) ?? size();
  episodeSizes.set(episode, sizeBytes);
  const ofDayS = since === 0 ? Math.min(dayS - 1, premiereS + exponential() * hourS) : (hourOf() + random()) * hourS;
  ask(startS + day * dayS + ofDayS, episode, sizeBytes);
}

for (let day = 0; day < (days ?? 0); day += 1)
  for (let request = 0; request < (requestsADay ?? 0); request += 1) {
    const kind = random();
    if (kind < (premiereShare ?? 0)) {
      askForEpisode(day);
      continue;
    }
    const isWeekly = kind < (premiereShare ?? 0) + (weeklyShare ?? 0);
    const title = isWeekly ? (titleOfWeekday[day % 7]?.() ?? 0) : anyTitle();
    ask(startS + day * dayS + (hourOf() + random()) * hourS, `title-${title}`, standing[title]?.sizeBytes ?? 0);
  }
rows.sort((a, b) => a.timeS - b.timeS);
process.stdout.write(regions > 1 ? 'time,object,size,region\n' : 'time,object,size\n');
for (const { row } of rows) process.stdout.write(`${row}\n`);
