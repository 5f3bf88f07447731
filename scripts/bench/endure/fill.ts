/**
 * What a fill at full rate does to viewers of the same appliance: `node scripts/bench/endure/fill.ts --help`.
 *
 * Viewers ask for ranges at an even rate, whether or not answers are late; the time to the first byte of each counts.
 * Rounds without and with a fill alternate.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openSite } from './appliance.ts';
import { fillTitle, makeTitle } from './content.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '100' },
    parallel: { type: 'string', default: '8' },
    'memory-tier': { type: 'string', default: '64MiB' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`node scripts/bench/endure/fill.ts [options]
  --rounds 3           of each kind
  --seconds 10         each
  --rate 100           requests of viewers a second, 256 KiB of 2 MB segments, half of them from the disk
  --parallel 8         objects of 2 MB filled at a time
  --memory-tier 64MiB  of the appliance`);
  process.exit(0);
}
const seconds = Number(values.seconds);
const dir = mkdtempSync(join(tmpdir(), 'nightfill-fill-'));
const site = await openSite(join(dir, 'appliance'));
const segment = (at: number) => ({ path: `video/seg-${at}.m4s`, sizeBytes: 2_000_000 });
const film = makeTitle(
  'film',
  Array.from({ length: 60 }, (_, at) => segment(at)),
);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

const quantile = (values: readonly number[], q: number): number => values[Math.floor(values.length * q)] ?? Number.NaN;

try {
  const appliance = await site.start({ NIGHTFILL_MEMORY_TIER: values['memory-tier'] });
  await appliance.ready();
  await fillTitle(appliance, film);
  const paths = await Promise.all(film.files.map(({ path }) => site.signed('film', path)));

  const ask = (at: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const from = (at * 7 * 65_536) % 1_700_000;
      const headers = { range: `bytes=${from}-${from + 262_143}` };
      const askedMs = performance.now();
      http
        .get({ port: appliance.port, path: paths[(at * 31) % paths.length], agent, headers }, (answer) => {
          if (answer.statusCode !== 206) reject(new Error(`a viewer got ${answer.statusCode}`));
          let waitedMs = 0;
          answer.once('readable', () => {
            waitedMs = performance.now() - askedMs;
          });
          answer.on('data', () => {});
          answer.on('end', () => resolve(waitedMs));
        })
        .on('error', reject);
    });

  async function view(): Promise<string> {
    const asked: Promise<number>[] = [];
    const startedMs = performance.now();
    while (performance.now() - startedMs < seconds * 1_000) {
      const due = ((performance.now() - startedMs) / 1_000) * Number(values.rate);
      while (asked.length < due) asked.push(ask(asked.length));
      await delay(5);
    }
    const waits = (await Promise.all(asked)).sort((a, b) => a - b);
    return [0.5, 0.9, 0.99, 0.999].map((q) => quantile(waits, q).toFixed(1).padStart(8)).join('');
  }

  /** Starts a fill; the returned function ends it and says its bytes a second. */
  function fill(round: number): () => Promise<number> {
    const program = join(import.meta.dirname, 'fill-worker.ts');
    const child = fork(program, [String(appliance.port), values.parallel, String(round)]);
    return async () => {
      child.send('over');
      const [bytesPerSecond] = await once(child, 'message');
      return Number(bytesPerSecond);
    };
  }

  console.log(`ms to the first byte                p50     p90     p99   p99.9`);
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    console.log(`without a fill               ${await view()}`);
    const end = fill(round);
    await delay(2_000);
    const waits = await view();
    const bytesPerSecond = await end();
    console.log(`with one of ${(bytesPerSecond / 1e6).toFixed(0).padStart(4)} MB/s          ${waits}`);
  }
  console.log(`load of the machine ${loadavg()[0]?.toFixed(1)}`);
  await appliance.end('SIGTERM');
} finally {
  agent.destroy();
  await site.close();
  rmSync(dir, { recursive: true });
}
