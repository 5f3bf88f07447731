/** What is published, in the players that people have: each does what its buttons offer, over HTTP from a real appliance. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest, Packaging } from '../../shared/domain/manifest.ts';
import { hasBrowser, launchBrowser } from '../../shared/testing/browser.ts';
import { type Cinema, openCinema } from './testing/cinema.ts';
import { filmS, heights, makeFilm, publishFilm } from './testing/film.ts';
import { openScreening, type players } from './testing/screening.ts';

const packagings = ['segments', 'single-file'] as const satisfies readonly Packaging[];
let cinema: Cinema;
let browser: Browser;
const films = new Map<Packaging, Manifest>();

beforeAll(async () => {
  cinema = await openCinema();
  const path = await makeFilm(cinema.dir);
  for (const packaging of packagings)
    films.set(packaging, await publishFilm(cinema.store, { path, dir: cinema.dir, packaging }));
  if (hasBrowser) browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await cinema?.close();
});

const urlOf = async (packaging: Packaging, form: 'hls' | 'dash'): Promise<string> => {
  const film = films.get(packaging);
  if (!film) throw new Error(`${packaging} was not published`);
  return cinema.urlOf(film, form);
};

const programme = packagings.flatMap((packaging) => [
  { player: 'hls.js', form: 'hls', packaging } as const,
  { player: 'Shaka Player', form: 'hls', packaging } as const,
  { player: 'Shaka Player', form: 'dash', packaging } as const,
  { player: 'dash.js', form: 'dash', packaging } as const,
]) satisfies readonly { readonly player: keyof typeof players }[];

describe.skipIf(!hasBrowser).concurrent('in Chromium', () => {
  it.each(programme)(
    '$player plays $form of $packaging: seeks, switches rungs, languages and captions, and ends',
    async ({ player, form, packaging }) => {
      const screening = await openScreening(browser, cinema.pageUrl, player, await urlOf(packaging, form));
      try {
        expect((await screening.ask('rungs')).toSorted()).toEqual(heights.toSorted());
        expect((await screening.ask('sounds')).toSorted()).toEqual(['de', 'en']);
        expect((await screening.ask('texts')).toSorted()).toEqual(['de', 'en']);
        await screening.play();
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
        expect(screening.troubles).toEqual([]);
      } finally {
        if (process.env.NIGHTFILL_TEST_LOG) console.info(player, form, packaging, screening.remarks);
        await screening.close();
      }
    },
    120_000,
  );
});
