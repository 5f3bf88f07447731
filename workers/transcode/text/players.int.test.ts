/**
 * Captions on the watch page, in Chromium, and in ffmpeg, which reads the playlist of the text itself. More players are in
 * scripts/players.
 */
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStream } from '../../../shared/conformance/read-stream.ts';
import { folderSource } from '../../../shared/conformance/source.ts';
import { checkConformance } from '../../../shared/domain/conformance/check.ts';
import { contentTypeOf } from '../../../shared/domain/keys.ts';
import type { Packaging } from '../../../shared/domain/manifest.ts';
import { parseText } from '../../../shared/domain/text/parse.ts';
import { probeSource } from '../../../shared/media/probe.ts';
import { hasBrowser, launchBrowser } from '../../../shared/testing/browser.ts';
import { ffmpeg, makeClipFolder } from '../../../shared/testing/clips.ts';
import { makeTextClip, srtOf } from '../../../shared/testing/text-clips.ts';
import { openContent } from '../digest.ts';
import { makePackaging } from '../testing/make-packaged.ts';
import { addText } from './add-text.ts';
import { extractTexts } from './extract.ts';
import { trackOf } from './text-objects.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const clips = await makeClipFolder();
const said = [
  { startS: 1, endS: 2, text: 'eins' },
  { startS: 6.5, endS: 9.25, text: 'über die Grenze' },
  { startS: 12.75, endS: 14, text: 'drei' },
];
const captions = [{ startS: 12.75, endS: 14, text: '[door slams]' }];
let server: Server;
let base: string;
let browser: Browser;

beforeAll(async () => {
  const source = await makeTextClip(clips.dir, 'said.mkv', {
    seconds: 16,
    tracks: [{ codec: 'subrip', said, args: ['-metadata:s:s:#', 'language=deu'] }],
  });
  const make = makePackaging(clips.dir);
  for (const packaging of ['segments', 'single-file'] as const) await publish(source, packaging, make);
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    const path = pathname.startsWith('/files/') ? join(clips.dir, pathname.slice(7)) : join(root, pathname);
    if (!existsSync(path)) return void response.writeHead(404).end();
    const type = /\.m?js$/.test(path) ? 'text/javascript' : path.endsWith('.html') ? 'text/html' : contentTypeOf(path);
    const range = /^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? '');
    response.writeHead(range ? 206 : 200, { 'content-type': type });
    createReadStream(path, range ? { start: Number(range[1]), end: range[2] ? Number(range[2]) : Infinity } : {}).pipe(
      response,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  if (hasBrowser) browser = await launchBrowser();
}, 90_000);
afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  await clips.dispose();
});

/** As the worker does, into `clips.dir/<packaging>`. */
async function publish(source: string, packaging: Packaging, make: ReturnType<typeof makePackaging>): Promise<void> {
  const { packaged } = await make(source, { runs: 1, packaging });
  const { textTracks } = await probeSource(source);
  const found = await extractTexts(source, textTracks, {
    dir: join(clips.dir, `extracted-${packaging}`),
    ffmpegPath: 'ffmpeg',
    signal: AbortSignal.timeout(30_000),
    onSkipped: (_track, error) => expect.fail(String(error)),
  });
  const { cues } = parseText(Buffer.from(srtOf(captions)));
  const english = trackOf(
    { language: 'en', kind: 'captions', name: 'English (SDH)', forced: false, isDefault: false },
    cues,
  );
  const { files } = await addText(packaged, [...found, { track: english, cues }], packaging);
  for (const { facts, content } of files) {
    const path = join(clips.dir, packaging, facts.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, openContent(content));
  }
}

const expectedTimes = said.map(({ startS, endS, text }) => [startS, endS, text]);

describe.each(['segments', 'single-file'] as const)('%s', (packaging) => {
  it('is judged by every rule for text', async () => {
    const report = checkConformance(await readStream(folderSource(join(clips.dir, packaging), 'master.m3u8')));
    const ofText = report.rules.filter(({ id }) => id.startsWith('NF7'));
    // One segment has no boundary that a cue could reach over.
    const unjudged = ofText.filter(({ looked }) => looked === 0).map(({ id }) => id);
    expect(unjudged).toEqual(packaging === 'segments' ? [] : ['NF703']);
    expect(ofText.filter(({ violations }) => violations > 0)).toEqual([]);
  });

  it('is read by ffmpeg with the times of the source', async () => {
    const playlist = join(clips.dir, packaging, 'text-de', 'index.m3u8');
    const srt = await ffmpeg(['-allowed_extensions', 'ALL', '-i', playlist, '-f', 'srt', '-']);
    const times = parseText(Buffer.from(srt)).cues.map(({ startMs, endMs, text }) => [
      startMs / 1_000,
      endMs / 1_000,
      text,
    ]);
    // One that reaches over a boundary comes with each segment.
    expect([...new Map(times.map((cue) => [JSON.stringify(cue), cue])).values()]).toEqual(expectedTimes);
  });

  describe.skipIf(!hasBrowser)('in a browser', () => {
    it('shows the chosen captions of the watch page at their time, after a seek too', async () => {
      await writeFile(
        join(clips.dir, `${packaging}.html`),
        `<video id="player" muted data-hls="/files/${packaging}/master.m3u8" data-library="/node_modules/hls.js/dist/hls.min.mjs" data-worker="/node_modules/hls.js/dist/hls.worker.js"></video>
         <p id="captions" hidden><select id="caption"></select></p>
         <p id="rendition"></p><p id="totals"></p><p id="trouble" hidden></p><table><tbody id="log"></tbody></table>
         <script type="module" src="/services/console/public/watch.js"></script>`,
      );
      const page = await browser.newPage();
      try {
        await page.goto(`${base}/files/${packaging}.html`);
        await page.waitForSelector('#captions:not([hidden])');
        expect(await page.locator('#caption option').allTextContents()).toEqual(['Off', 'Deutsch', 'English (SDH)']);
        await page.selectOption('#caption', { label: 'Deutsch' });
        await shows(page, 13.2, ['drei']);
        await shows(page, 8.5, ['über die Grenze']);
        await shows(page, 4, []);
        await expect.poll(() => cueTimes(page), { timeout: 10_000 }).toEqual(expectedTimes);
        await page.selectOption('#caption', { label: 'English (SDH)' });
        await shows(page, 13.2, ['[door slams]']);
        await page.selectOption('#caption', { label: 'Off' });
        await shows(page, 13.3, []);
        await page.selectOption('#caption', { label: 'Deutsch' });
        await page.reload();
        await page.waitForSelector('#captions:not([hidden])');
        await expect.poll(() => page.locator('#caption').inputValue()).toBe('0');
      } finally {
        await page.close();
      }
    }, 60_000);
  });
});

/** Seeks and waits until exactly these texts are active; some browsers look at a paused video's cues when it is sought only. */
async function shows(page: Page, atS: number, texts: readonly string[]): Promise<void> {
  await page.evaluate(`document.querySelector('video').currentTime = ${atS}`);
  let looks = 0;
  const look = () => {
    looks += 1;
    const toS = atS + 0.05 * (Math.floor(looks / 20) % 3);
    return page.evaluate<string[]>(`(() => {
      const video = document.querySelector('video');
      const isAway = Math.abs(video.currentTime - ${atS}) > 0.7;
      if (!video.seeking && (isAway || ${looks % 20 === 0})) video.currentTime = ${toS};
      video.pause();
      return [...video.textTracks].filter(({ mode }) => mode !== 'disabled').flatMap(({ activeCues }) => [...(activeCues ?? [])].map(({ text }) => text));
    })()`);
  };
  await expect.poll(look, { timeout: 20_000, interval: 100 }).toEqual([...texts]);
}

const cueTimes = (page: Page): Promise<unknown> =>
  page.evaluate(
    `[...document.querySelector('video').textTracks].filter(({ mode }) => mode === 'showing').flatMap(({ cues }) => [...cues].map(({ startTime, endTime, text }) => [startTime, endTime, text]))`,
  );
