/** One player in one page of a real browser, showing one film. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { expect } from 'vitest';
import type { Ticket } from './cinema.ts';
import { type FilmLanguage, fieldToleranceS, filmS, said, timeOfLevel, toneHz } from './film.ts';

const require = createRequire(import.meta.url);
const pages = join(import.meta.dirname, 'pages');

export const players = {
  'hls.js': { library: 'hls.js/dist/hls.js', script: 'hls.js' },
  'Shaka Player': { library: 'shaka-player/dist/shaka-player.compiled.js', script: 'shaka.js' },
  'dash.js': { library: 'dashjs', script: 'dash.js' },
} as const;

interface State {
  readonly atS: number;
  readonly durationS: number;
  readonly ended: boolean;
  readonly seeking: boolean;
  /** Of the picture in pixels, as it is decoded. */
  readonly height: number;
  /** Shown since the page was opened. */
  readonly frames: number;
  /** Presentation time of the frame shown last. */
  readonly frameAtS: number;
  readonly decoded: number;
  readonly level: number;
  readonly toneHz: number;
  readonly captions: readonly string[];
  readonly faults: readonly string[];
}

export interface Screening {
  /** Of the film in the player's words. */
  ask(what: 'rungs' | 'sounds' | 'texts'): Promise<unknown[]>;
  state(): Promise<State>;
  play(): Promise<void>;
  /** Ends when picture and place are those of that time, and the picture moves on. */
  seek(toS: number): Promise<void>;
  /** Ends when a picture of that height is shown. */
  pick(height: number, codec?: string): Promise<void>;
  hear(language: FilmLanguage): Promise<void>;
  /** Ends when what is said at that time, and only that, is shown; null switches captions off. */
  show(language: FilmLanguage | null): Promise<void>;
  /** Waits for it. */
  end(): Promise<State>;
  /** What went wrong: of the player, of the page and of the network. */
  readonly troubles: readonly string[];
  /** What player and browser wrote to the console. */
  readonly remarks: readonly string[];
  close(): Promise<void>;
}

const patienceMs = 40_000;

export async function openScreening(
  browser: Browser,
  pageUrl: string,
  player: keyof typeof players,
  { url, clearKey }: Ticket,
): Promise<Screening> {
  const page = await browser.newPage();
  const troubles: string[] = [];
  const remarks: string[] = [];
  page.on('pageerror', ({ message }) => troubles.push(`page: ${message}`));
  page.on('console', (message) => {
    if (['warning', 'error'].includes(message.type())) remarks.push(`${message.type()}: ${message.text()}`);
  });
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    // A player that seeks or switches leaves what it no longer needs.
    if (reason !== 'net::ERR_ABORTED') troubles.push(`${reason}: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (!response.ok()) troubles.push(`${response.status()}: ${response.url()}`);
  });
  await page.goto(pageUrl);
  const { library, script } = players[player];
  await page.addScriptTag({ path: join(pages, 'watcher.js') });
  await page.addScriptTag({ path: require.resolve(library) });
  await page.addScriptTag({ path: join(pages, script) });
  await page.evaluate(`open(${JSON.stringify(url)}, ${JSON.stringify(clearKey)})`);

  const call = (expression: string) => page.evaluate<undefined>(`void ${expression}`);
  const state = () => page.evaluate<State>('watcher.state()');
  /** Polls until this is said of the state, which the failure's message has. `begin` is called again when the film is. */
  const until = async (what: string, holds: (state: State) => boolean, begin?: () => Promise<void>): Promise<void> => {
    let last: State;
    const deadline = Date.now() + patienceMs;
    do {
      last = await state();
      if (last.faults.length > 0) break;
      if (holds(last)) return;
      // A slow machine must not run out of film meanwhile.
      if (last.ended) {
        await page.evaluate('watcher.restart()');
        await begin?.();
      }
      await delay(50);
    } while (Date.now() < deadline);
    troubles.push(...last.faults);
    expect.fail(`${player}: no ${what}: ${JSON.stringify(last)}${troubles.map((trouble) => `\n${trouble}`).join('')}`);
  };
  const moves = async (what: string, holds: (state: State) => boolean, begin?: () => Promise<void>): Promise<void> => {
    const { frames } = await state();
    await until(what, (now) => holds(now) && now.frames >= frames + 5, begin);
  };

  return {
    ask: (what) => page.evaluate<unknown[]>(`film.${what}()`),
    state,
    async play() {
      await call('watcher.play()');
      await moves('picture', ({ atS, decoded }) => atS > 0.3 && decoded > 5);
    },
    async seek(toS) {
      await call(`watcher.seek(${toS})`);
      // Browsers keep protected pictures from canvases.
      const shows = ({ level, frameAtS }: State): boolean =>
        (clearKey !== null || Math.abs(timeOfLevel(level) - frameAtS) < fieldToleranceS) &&
        Math.abs(frameAtS - toS) < 1.5;
      await moves(`picture of ${toS} s`, (now) => !now.seeking && now.atS >= toS && now.atS < toS + 1.5 && shows(now));
    },
    async pick(height, codec = 'avc1') {
      const pick = () => call(`film.pick(${height}, '${codec}')`);
      // dash.js forgets what is picked when there is nothing left to load.
      if ((await state()).atS > filmS / 2) await call('watcher.seek(0)');
      await pick();
      await moves(`picture of ${height} lines`, (now) => now.height === height, pick);
    },
    async hear(language) {
      await call(`film.hear('${language}')`);
      await until(`sound in ${language}`, (now) => Math.abs(now.toneHz - toneHz[language]) < 25);
    },
    async show(language) {
      await call(`film.show(${JSON.stringify(language)})`);
      const wanted = (atS: number): string[] =>
        (language === null ? [] : said[language])
          .filter(({ startS, endS }) => startS <= atS && atS < endS)
          .map(({ text }) => text);
      await until(`caption in ${language}`, ({ atS, captions }) => `${captions}` === `${wanted(atS)}`);
    },
    async end() {
      await until('end', ({ ended }) => ended);
      return state();
    },
    troubles,
    remarks,
    close: () => page.close(),
  };
}
