/** What is published, in the players that people have: each does what its buttons offer, over HTTP from a real appliance. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest, Packaging } from '../../shared/domain/manifest.ts';
import { hasBrowser, launchBrowser } from '../../shared/testing/browser.ts';
import { srtOf } from '../../shared/testing/text-clips.ts';
import { type Cinema, openCinema, type Ticket } from './testing/cinema.ts';
import { byFfmpeg, byGstreamer, hasGstreamer, subtitlesByFfmpeg } from './testing/decoders.ts';
import {
  beside,
  besideHeight,
  type FilmOrder,
  fieldToleranceS,
  filmS,
  framesPerSecond,
  heights,
  makeFilm,
  publishFilm,
  said,
  samplesPerSecond,
} from './testing/film.ts';
import { openScreening, type Screening } from './testing/screening.ts';

const packagings = ['segments', 'single-file'] as const satisfies readonly Packaging[];
let cinema: Cinema;
let browser: Browser;
const films = new Map<string, Manifest>();

beforeAll(async () => {
  cinema = await openCinema();
  const path = await makeFilm(cinema.dir);
  const publish = async (name: string, order: Pick<FilmOrder, 'packaging' | 'beside' | 'isEncrypted'>) =>
    films.set(name, await publishFilm(cinema.store, { path, dir: cinema.dir, ...order }));
  for (const packaging of packagings) await publish(packaging, { packaging });
  if (!hasBrowser) return;
  await publish('av1', { packaging: 'segments', beside: beside.av1 });
  await publish('hevc', { packaging: 'single-file', beside: beside.hevc });
  for (const packaging of packagings) await publish(`${packaging} by CBCS`, { packaging, isEncrypted: true });
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await cinema?.close();
});

const ticketTo = async (name: string, form: 'hls' | 'dash'): Promise<Ticket> => {
  const film = films.get(name);
  if (!film) throw new Error(`${name} was not published`);
  return cinema.ticketTo(film, form);
};

/** Shows it to `watch`, which may leave before the end; nothing may have gone wrong. */
async function screen(
  { player, form }: (typeof everyPlayer)[number],
  name: string,
  watch: (screening: Screening) => Promise<void>,
): Promise<void> {
  const screening = await openScreening(browser, cinema.pageUrl, player, await ticketTo(name, form));
  try {
    await screening.play();
    await watch(screening);
    expect(screening.troubles).toEqual([]);
  } finally {
    await screening.close();
  }
}

const everyPlayer = [
  { player: 'hls.js', form: 'hls' },
  { player: 'Shaka Player', form: 'hls' },
  { player: 'Shaka Player', form: 'dash' },
  { player: 'dash.js', form: 'dash' },
] as const;
const sorted = (list: readonly unknown[]): unknown[] => list.toSorted();

describe.skipIf(!hasBrowser).concurrent('in Chromium', { timeout: 120_000 }, () => {
  it.each(packagings.flatMap((packaging) => everyPlayer.map((how) => ({ packaging, ...how }))))(
    '$player plays $form of $packaging: seeks, switches rungs, languages and captions, and ends',
    ({ packaging, ...how }) =>
      screen(how, packaging, async (screening) => {
        expect(sorted(await screening.ask('rungs'))).toEqual(sorted(heights));
        expect(sorted(await screening.ask('sounds'))).toEqual(['de', 'en']);
        expect(sorted(await screening.ask('texts'))).toEqual(['de', 'en']);
        await screening.seek(7.6);
        await screening.show('de');
        await screening.hear('en');
        await screening.seek(1.1);
        await screening.show('en');
        for (const height of heights.toReversed()) await screening.pick(height);
        await screening.hear('de');
        await screening.seek(5.1);
        await screening.show('de');
        await screening.show(null);
        await screening.seek(filmS - 1.5);
        const { atS, durationS, frameAtS } = await screening.end();
        expect(Math.abs(durationS - filmS)).toBeLessThan(0.2);
        expect(Math.abs(atS - durationS)).toBeLessThan(0.1);
        expect(Math.abs(frameAtS - filmS)).toBeLessThan(0.2);
      }),
  );

  it.each(everyPlayer)('$player by $form plays AV1, and changes to H.264 in the middle', (how) =>
    screen(how, 'av1', async (screening) => {
      await screening.pick(besideHeight, 'av01');
      await screening.seek(5);
      await screening.pick(heights[0]);
    }),
  );

  it.each(packagings.flatMap((packaging) => everyPlayer.map((how) => ({ packaging, ...how }))))(
    '$player plays $form of $packaging that are encrypted by CBCS',
    ({ packaging, ...how }) =>
      screen(how, `${packaging} by CBCS`, async (screening) => {
        await screening.seek(5);
        await screening.pick(heights[1]);
        await screening.hear('en');
      }),
  );

  it.each(everyPlayer)('$player by $form plays H.264 where the browser has no HEVC', (how) =>
    screen(how, 'hevc', async (screening) => {
      expect(sorted(await screening.ask('rungs'))).toEqual(sorted(heights));
      await screening.seek(5);
    }),
  );
});

const everyForm = packagings.flatMap((packaging) => (['hls', 'dash'] as const).map((form) => ({ packaging, form })));

describe.each([
  { name: 'ffmpeg', decode: byFfmpeg, isHere: true, forms: everyForm },
  { name: 'GStreamer with playbin', decode: byGstreamer('playbin'), isHere: hasGstreamer, forms: everyForm },
  {
    name: 'GStreamer with playbin3',
    decode: byGstreamer('playbin3'),
    isHere: hasGstreamer,
    // Its DASH demuxer (1.22) leaves out the last segment of every index.
    forms: everyForm.filter(({ packaging, form }) => packaging === 'segments' || form === 'hls'),
  },
])('$name', ({ decode, isHere, forms }) => {
  it.skipIf(!isHere).each(forms)('decodes all of $form of $packaging in order', async ({ packaging, form }) => {
    const { timesS, samples } = await decode((await ticketTo(packaging, form)).url, cinema.dir);
    expect(timesS).toHaveLength(filmS * framesPerSecond);
    const misplaced = timesS.filter((timeS, at) => Math.abs(timeS - at / framesPerSecond) > fieldToleranceS);
    expect(misplaced).toEqual([]);
    // Whole frames of AAC, and the one of priming where the edit list is not read.
    expect(samples - filmS * samplesPerSecond).toBeGreaterThanOrEqual(0);
    expect(samples - filmS * samplesPerSecond).toBeLessThan(2 * 1_024);
  });
});

it.each(packagings)('ffmpeg reads the subtitles of dash of %s', async (packaging) => {
  const { url } = await ticketTo(packaging, 'dash');
  for (const [index, language] of (['de', 'en'] as const).entries())
    expect((await subtitlesByFfmpeg(url, index)).trim()).toEqual(srtOf(said[language]).trim());
});
