/**
 * The transcode worker against the bare ffmpeg that makes the same ladder: `node scripts/bench/ingest/run.ts --help`.
 *
 * Rounds alternate between the contenders, and medians count. Bare ffmpeg is given the very arguments of the worker, so
 * filters, encoders and threads are the same; what is compared is everything else that a worker does: fetching, probing,
 * measuring, pictures, conformance, digests, upload, the queue.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { probeSource } from '../../../shared/media/probe.ts';
import { profiles } from '../../../shared/media/profiles.ts';
import { type Contender, makeBare, makeWorkers, startHouse } from './contenders.ts';
import { makeSource } from './source.ts';

const help = `node scripts/bench/ingest/run.ts [options]
  --source FILE    what is encoded (default: one that ffmpeg makes, 1080p at 30 frames a second)
  --seconds 60     length of the one that is made
  --rounds 3       alternating rounds
  --chunk 15       seconds of a chunk, for the workers that share a film
  --only name,…    bare, whole (one worker, in one go), bare1, one, two (workers that share it, one run of ffmpeg each)
  --json           the seconds of every round
Needs ffmpeg and redis-server.`;

const { values } = parseArgs({
  options: {
    source: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '3' },
    chunk: { type: 'string', default: '15' },
    only: { type: 'string', default: 'bare,whole,bare1,one,two' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}

const dir = mkdtempSync(join(tmpdir(), 'nightfill-bench-'));
const chunkS = Number(values.chunk);
const house = await startHouse(dir);
const end = async (): Promise<void> => {
  await house.stop();
  rmSync(dir, { recursive: true, force: true });
};
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void end().finally(() => process.exit(1)));
try {
  const path = values.source ?? (await makeSource(join(dir, 'source.mp4'), Number(values.seconds)));
  const source = await probeSource(path);
  const all: Readonly<Record<string, () => Contender>> = {
    bare: () => makeBare({ path, source, dir: join(dir, 'bare'), runs: 2 }),
    whole: () => makeWorkers(house, { path, source, workers: 1, runs: 2, chunkS: 0 }),
    bare1: () => makeBare({ path, source, dir: join(dir, 'bare'), runs: 1 }),
    one: () => makeWorkers(house, { path, source, workers: 1, runs: 1, chunkS }),
    two: () => makeWorkers(house, { path, source, workers: 2, runs: 1, chunkS }),
  };
  const names = values.only.split(',').filter((name) => name in all);
  const seconds = new Map<string, number[]>(names.map((name) => [name, []]));
  console.error(
    `${source.durationS.toFixed(1)} s, ${source.video?.width}×${source.video?.height}, ladder of ${profiles.default.rungs.length} rungs; load ${loadavg()[0]?.toFixed(1)}`,
  );
  for (let round = 0; round < Number(values.rounds); round += 1)
    for (const name of names) {
      mkdirSync(join(dir, 'bare'), { recursive: true });
      const contender = all[name]?.();
      await contender?.start();
      const startedAt = performance.now();
      await contender?.run();
      const tookS = (performance.now() - startedAt) / 1_000;
      await contender?.stop();
      rmSync(join(dir, 'bare'), { recursive: true, force: true });
      seconds.get(name)?.push(tookS);
      console.error(`round ${round + 1} ${name} ${tookS.toFixed(1)} s, load ${loadavg()[0]?.toFixed(1)}`);
    }
  const medians = Object.fromEntries([...seconds].map(([name, list]) => [name, medianOf(list)]));
  const printRatio = (what: string, a: string, b: string): void => {
    const [over, under] = [medians[a], medians[b]];
    if (over && under) console.log(`${what}: ${(over / under).toFixed(3)}`);
  };
  if (values.json) console.log(JSON.stringify({ seconds: Object.fromEntries(seconds), medians }));
  else {
    for (const name of names) console.log(`${name.padEnd(6)} ${medians[name]?.toFixed(1)} s`);
    printRatio('worker in one go / bare ffmpeg, two runs each', 'whole', 'bare');
    printRatio('one worker in chunks / bare ffmpeg, one run each', 'one', 'bare1');
    printRatio('two workers / one worker, one run each', 'two', 'one');
  }
} finally {
  await end();
}

function medianOf(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
