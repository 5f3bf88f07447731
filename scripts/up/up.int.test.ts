/**
 * The whole way on one machine, as the first `npm start` goes it: real Redis, real ffmpeg, real processes, real HTTP; a
 * short clip instead of the sample. Then what a viewer, an attacker and an operator would see.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FillReport } from '../../shared/domain/fill.ts';
import type { ApplianceView } from '../../shared/domain/fleet.ts';
import { parsePlaylist } from '../../shared/hls/parse.ts';
import { hasBrowser, launchBrowser } from '../../shared/testing/browser.ts';
import type { PlanAnswer } from '../cli/client.ts';
import { outcomeOf, playThrough } from '../demo/player.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const launcher = join(import.meta.dirname, '..', 'nightfill.mjs');
const port = 20_000 + (process.pid % 20_000);

let dir: string;
let data: string;
let up: ChildProcess;
let output = '';

/** Starts `nightfill up` and waits for the line that says it runs. */
async function start(): Promise<void> {
  output = '';
  up = spawn(
    process.execPath,
    [launcher, 'up', '--port', String(port), '--data', data, '--clip', join(dir, 'clip.mp4')],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  for (const stream of [up.stdout, up.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  const deadline = Date.now() + 150_000;
  while (!output.includes('Running at')) {
    if (up.exitCode !== null || Date.now() > deadline) throw new Error(`it does not run:\n${output}\n${await logs()}`);
    await delay(100);
  }
}

/** As Ctrl-C does under npm: the terminal tells everybody, and npm tells its child once more. */
async function stop(): Promise<number | null> {
  if (up.exitCode !== null) return up.exitCode;
  up.kill('SIGINT');
  setTimeout(() => up.kill('SIGINT'), 50);
  const [code] = await once(up, 'exit');
  return code;
}

/** The ends of all logs, for a failure's message. */
async function logs(): Promise<string> {
  const files = await readdir(join(data, 'log')).catch(() => []);
  const ends = files.map(
    async (file) => `--- ${file}\n${(await readFile(join(data, 'log', file), 'utf8')).slice(-1_500)}`,
  );
  return (await Promise.all(ends)).join('\n');
}

const access = async () =>
  JSON.parse(await readFile(join(data, 'access.json'), 'utf8')) as { apiUrl: string; apiKey: string };

async function api<T>(path: string, init: { method?: string; json?: unknown } = {}): Promise<T> {
  const { apiUrl, apiKey } = await access();
  const response = await fetch(apiUrl + path, {
    method: init.method ?? 'GET',
    headers: { authorization: `Bearer ${apiKey}`, ...(init.json ? { 'content-type': 'application/json' } : {}) },
    ...(init.json ? { body: JSON.stringify(init.json) } : {}),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

async function cli(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [launcher, ...args, '--data', data]);
  return stdout;
}

interface AssetView {
  readonly id: string;
  readonly tags: readonly string[];
  readonly state: string;
}

const assetTagged = async (tag: string): Promise<AssetView> => {
  const { items } = await api<{ items: AssetView[] }>('/v1/assets');
  const found = items.find(({ tags }) => tags.includes(tag));
  if (!found) throw new Error(`no asset tagged ${tag}`);
  return found;
};

const playback = (assetId: string, region: string) =>
  api<{ hls: string; dash: string; appliances: { id: string; region: string; reason: string }[] }>('/v1/playback', {
    method: 'POST',
    json: { assetId, region },
  });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-up-'));
  data = join(dir, 'data');
  await run('ffmpeg', [
    ...['-hide_banner', '-loglevel', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=426x240:rate=25:duration=7'],
    ...[
      '-f',
      'lavfi',
      '-i',
      'sine=frequency=440:sample_rate=48000:duration=7',
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
    ],
    ...['-pix_fmt', 'yuv420p', '-c:a', 'aac', '-shortest', join(dir, 'clip.mp4')],
  ]);
  await start();
}, 200_000);

afterAll(async () => {
  if (up) await stop();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

describe('the first start', () => {
  it('did the main job before the eyes of the user', () => {
    for (const step of ['1. Upload', '2. Demand history', '3. Fill', '4. Play', '5. Fill reports', 'Open next']) {
      expect(output).toContain(step);
    }
    expect(output).not.toContain('could not finish');
  });

  it('has a fleet of three regions with four healthy edges and a shield', async () => {
    const { items } = await api<{ items: ApplianceView[] }>('/v1/appliances');
    expect(items.filter(({ role }) => role === 'edge')).toHaveLength(4);
    expect(items.filter(({ role }) => role === 'shield')).toHaveLength(1);
    expect(items.map(({ health }) => health)).toEqual(items.map(() => 'healthy'));
    expect(new Set(items.map(({ regionId }) => regionId)).size).toBe(3);
  });

  it.each(['eu-berlin', 'us-newyork', 'ap-tokyo'])('filled %s wholly and can prove it', async (regionId) => {
    const { items } = await api<{ items: FillReport[] }>(`/v1/regions/${regionId}/fill-reports`);
    const report = items[0];
    expect(report).toMatchObject({ state: 'completed', failed: { files: 0 }, failures: [] });
    expect(report?.pushed.bytes).toBeGreaterThan(0);
    expect(report?.pushed).toEqual(report?.planned);
    expect(report?.forecastCoverage).toBeCloseTo(1, 5);
  });
});

describe('a viewer', () => {
  it('plays the planned video in every region from bytes that the fill put there', async () => {
    const { id } = await assetTagged('planned');
    for (const region of ['eu-berlin', 'us-newyork', 'ap-tokyo']) {
      const { hls, appliances } = await playback(id, region);
      expect(appliances[0]?.region).toBe(region);
      const { outcomes, durationS } = await playThrough(hls, AbortSignal.timeout(20_000));
      expect([...outcomes.keys()].filter((outcome) => !outcome.startsWith('hit-'))).toEqual([]);
      expect(durationS).toBeGreaterThan(6.9);
      expect(durationS).toBeLessThan(7.2);
    }
  });

  it('plays a video that no plan brought by pull, and the next viewer from the edge', async () => {
    const { id } = await assetTagged('unplanned');
    const first = await playThrough((await playback(id, 'us-newyork')).hls, AbortSignal.timeout(20_000));
    expect([...first.outcomes.keys()]).toContain('pull-shield');
    const second = await playThrough((await playback(id, 'us-newyork')).hls, AbortSignal.timeout(20_000));
    expect([...second.outcomes.keys()].filter((outcome) => !outcome.startsWith('hit-'))).toEqual([]);
  });

  it('gets every frame and sample, as ffmpeg counts them', async () => {
    const { hls, dash } = await playback((await assetTagged('planned')).id, 'eu-berlin');
    const countFrames = async (url: string) => {
      const args = [
        '-v',
        'error',
        '-count_packets',
        '-select_streams',
        'v:0',
        '-show_entries',
        'stream=nb_read_packets',
      ];
      const { stdout } = await run('ffprobe', [...args, '-of', 'csv=p=0', url]);
      return Number.parseInt(stdout.trim().split('\n')[0] ?? '', 10);
    };
    expect(await countFrames(hls)).toBe(7 * 25);
    const { stderr } = await run('ffmpeg', ['-v', 'error', '-i', hls, '-f', 'null', '-']);
    expect(stderr).toBe('');
    expect((await fetch(dash)).headers.get('content-type')).toBe('application/dash+xml');
  });

  it.each([
    ['no token', (url: string) => url.replace(/\/t\/[^/]+/, ''), 401],
    ['a tampered token', (url: string) => url.replace(/\/t\/([^/]+)\.([^/]+)\.([^/]{4})/, '/t/$1.$2.AAAA'), 401],
    ['a token for another asset', (url: string) => url.replace(/\/v\/[^/]+\//, '/v/another-asset/'), 403],
  ])('with %s gets not one byte of media', async (_name, spoil, status) => {
    const { hls } = await playback((await assetTagged('planned')).id, 'eu-berlin');
    const playlist = parsePlaylist(await (await fetch(hls)).text());
    expect(playlist.kind).toBe('master');
    const response = await fetch(spoil(hls));
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toMatch('application/problem+json');
    expect(outcomeOf(response.headers.get('cache-status'))).toMatch(/^denied-/);
    expect(await response.text()).not.toContain('#EXTM3U');
  });

  it('with an expired token gets not one byte of media', async () => {
    const { hls } = await api<{ hls: string }>('/v1/playback', {
      method: 'POST',
      json: { assetId: (await assetTagged('planned')).id, region: 'eu-berlin', ttlS: 1 },
    });
    await delay(2_100);
    const response = await fetch(hls);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: 'token-expired' });
  });
});

describe.skipIf(!hasBrowser)('a viewer in a browser', () => {
  it('watches the planned video with hls.js, every segment from the appliance’s own storage', async () => {
    const running = await launchBrowser();
    try {
      const page = await running.newPage();
      const outcomes: string[] = [];
      const failures: string[] = [];
      page.on('pageerror', (error) => failures.push(error.message));
      page.on('response', (response) => {
        if (response.url().endsWith('.m4s')) outcomes.push(outcomeOf(response.headers()['cache-status'] ?? null));
      });
      await page.goto(`${(await access()).apiUrl}/watch/${(await assetTagged('planned')).id}`);
      // written as text, because it runs in the page and not here
      const look =
        '(({ currentTime, videoWidth, error }) => ({ currentTime, videoWidth, error: error && error.message }))(document.querySelector("video"))';
      const watch = () => page.evaluate<{ currentTime: number; videoWidth: number; error: string | null }>(look);
      await expect.poll(async () => (await watch()).currentTime, { timeout: 20_000 }).toBeGreaterThan(2);
      expect(await watch()).toMatchObject({ videoWidth: 426, error: null });
      expect(outcomes.length).toBeGreaterThan(1);
      expect(outcomes.filter((outcome) => !outcome.startsWith('hit-'))).toEqual([]);
      expect(failures).toEqual([]);
    } finally {
      await running.close();
    }
  }, 60_000);
});

describe('an operator at the command line', () => {
  it('gets one JSON document from each command', async () => {
    const { id } = await assetTagged('planned');
    for (const args of [
      ['assets'],
      ['assets', id],
      ['play', id],
      ['regions'],
      ['appliances'],
      ['forecast', '--region', 'eu-berlin'],
      ['plan', '--region', 'eu-berlin', '--explain', id],
      ['report', '--region', 'eu-berlin'],
      ['doctor'],
    ]) {
      const text = await cli(...args, '--json');
      expect(() => JSON.parse(text), `${args.join(' ')}: ${text}`).not.toThrow();
    }
  });

  it('fills again without pushing anything twice, and reports what was held', async () => {
    const before = JSON.parse(await cli('report', '--region', 'eu-berlin', '--json')) as FillReport;
    const { id } = await assetTagged('planned');
    const text = await cli('fill', '--region', 'eu-berlin', '--now', '--json');
    const fill = JSON.parse(text) as { pushed: { files: number }; state: string };
    const report = JSON.parse(await cli('report', '--region', 'eu-berlin', '--json')) as FillReport;
    expect(report).toMatchObject({ run: 2, forecastCoverage: 1 });
    const plan = JSON.parse(await cli('plan', '--region', 'eu-berlin', '--date', report.date, '--json')) as PlanAnswer;
    expect(plan.run).toBe(2);
    const fetched = plan.appliances.flatMap(({ fetch }) => fetch);
    expect(fetched.filter(({ assetId }) => assetId === id)).toEqual([]);
    // Late in the region's day its demand counts already: what was watched meanwhile is brought too, and nothing else.
    expect(fill).toMatchObject({ state: 'completed', pushed: { files: fetched.length } });
    expect(report.pushed.files).toBe(fetched.length);
    expect(before.pushed.files).toBeGreaterThan(0);
    expect(report.kept.files).toBeGreaterThanOrEqual(before.kept.files + before.pushed.files);
  });
});

describe('a second start', () => {
  it('stops cleanly, resumes in seconds with everything there, and does not do the job again', async () => {
    const before = await assetTagged('planned');
    expect(await stop()).toBe(0);
    expect(output).toContain('stopped');
    await start();
    expect(output).not.toContain('1. Upload');
    expect(await assetTagged('planned')).toMatchObject({ id: before.id, state: 'published' });
    const { outcomes } = await playThrough((await playback(before.id, 'ap-tokyo')).hls, AbortSignal.timeout(20_000));
    expect([...outcomes.keys()].filter((outcome) => !outcome.startsWith('hit-'))).toEqual([]);
  }, 90_000);

  it('is refused while the first one runs on the same data', async () => {
    await expect(
      run(process.execPath, [launcher, 'up', '--port', String(port + 1_000), '--data', data]),
    ).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('runs here already') });
  });
});

/** At last, because what is uploaded here would be filled by what comes after it. */
describe.skipIf(!hasBrowser)('a viewer of encrypted media', () => {
  it.each(['aes-128', 'cbcs'] as const)(
    'plays what is encrypted by %s, and seeks, with keys behind the token',
    async (encryption) => {
      const uploaded = await cli(
        ...['upload', join(dir, 'clip.mp4'), '--title', encryption, '--profile', 'preview'],
        ...['--encryption', encryption, '--wait', '--json'],
      );
      const { assetId } = JSON.parse(uploaded) as { assetId: string };
      const { hls, dash, clearKey } = await api<{ hls: string; dash: string | null; clearKey: string | null }>(
        '/v1/playback',
        {
          method: 'POST',
          json: { assetId },
        },
      );
      const shaka = await readFile(require.resolve('shaka-player/dist/shaka-player.compiled.js'), 'utf8');
      const running = await launchBrowser();
      try {
        const page = await running.newPage();
        const keys = new Set<string>();
        page.on('response', (response) => {
          const { pathname } = new URL(response.url());
          if (pathname.includes('/keys/') && response.ok()) keys.add(response.url());
        });
        // Written as text, because it runs in the page and not here.
        const at = () => page.evaluate<number>('document.querySelector("video").currentTime');
        const playsAndSeeks = async (): Promise<void> => {
          await expect.poll(at, { timeout: 20_000 }).toBeGreaterThan(0.5);
          expect(await page.evaluate<number>('document.querySelector("video").videoWidth')).toBe(426);
          await page.evaluate('document.querySelector("video").currentTime = 5');
          await expect.poll(at, { timeout: 20_000 }).toBeGreaterThan(5.2);
        };
        await page.goto(`${(await access()).apiUrl}/watch/${assetId}`);
        await playsAndSeeks();
        expect(keys.size).toBeGreaterThan(0);
        for (const key of keys) expect((await fetch(key.replace(/\/t\/[^/]+/, ''))).status).toBe(401);

        for (const url of [hls, ...(dash ? [dash] : [])]) {
          await page.goto(`${(await access()).apiUrl}/healthz`);
          await page.setContent('<video muted></video>');
          await page.evaluate(shaka);
          const servers = JSON.stringify(clearKey ? { 'org.w3.clearkey': clearKey } : {});
          await page.evaluate(`(async () => {
          const player = new shaka.Player();
          await player.attach(document.querySelector('video'));
          player.configure({ drm: { servers: ${servers} } });
          await player.load(${JSON.stringify(url)});
          document.querySelector('video').play();
        })()`);
          await playsAndSeeks();
        }
      } finally {
        await running.close();
      }
    },
    120_000,
  );
});
