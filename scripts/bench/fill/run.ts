/**
 * Filling compared with rclone: `node scripts/bench/fill/run.ts --help`.
 *
 * The same files, from the same folder, on the same machine, into an empty place each time; runs alternate and medians
 * count. What each does with them:
 *
 * | run            | way                                            | checks                                                    |
 * |----------------|------------------------------------------------|-----------------------------------------------------------|
 * | `nightfill`    | fill worker → HTTP → appliance process → disk  | SHA-256 of every slice before it is visible               |
 * | `rclone-http`  | `rclone copy` → `rclone serve webdav` → disk   | sizes only: WebDAV has no digests                         |
 * | `rclone-local` | `rclone copy` from folder to folder, no HTTP   | MD5 of source and copy, as rclone does by itself          |
 *
 * Times are of the whole call: rclone's start and listing, and our job, greeting and report, included; processor time is that
 * of all processes of a run, Redis too, but not of the start of our appliance and of rclone's server. An appliance syncs
 * every slice to the disk before it is visible; rclone leaves that to the kernel. Only the loopback is used.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fleetSecret } from '../../../services/appliance/testing/fleet.ts';
import { applianceCredential } from '../../../shared/tokens/credentials.ts';
import { makeOneNight } from '../../../workers/fill/testing/one-night.ts';
import { startAppliance } from '../serve/appliance.ts';
import { cpuSecondsOf, freePort, stopChild } from '../serve/servers.ts';

const help = `node scripts/bench/fill/run.ts [options]
  --files 300        segments of the title
  --mib 2            size of each
  --rounds 3         alternating rounds
  --transfers 8      objects on their way at once, for all
  --only nightfill   this run alone
  --json             the numbers of every round
What Node itself is given (--cpu-prof --cpu-prof-dir=DIR) the appliance is given as well.
Needs rclone: apt-get install --no-install-recommends rclone`;

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '300' },
    mib: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    transfers: { type: 'string', default: '8' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
type RunName = 'nightfill' | 'rclone-http' | 'rclone-local';
const names = (['nightfill', 'rclone-http', 'rclone-local'] as const).filter(
  (name) => values.only === undefined || name === values.only,
);
try {
  if (names.some((name) => name !== 'nightfill')) execFileSync('rclone', ['version'], { stdio: 'ignore' });
} catch {
  console.error(`rclone is not installed.\n${help.split('\n').at(-1)}`);
  process.exit(1);
}

const transfers = Number(values.transfers);
const segmentBytes = new Array<number>(Number(values.files)).fill(Math.round(Number(values.mib) * 2 ** 20));
const totalBytes = segmentBytes.reduce((sum, bytes) => sum + bytes, 0);
const dir = mkdtempSync(join(tmpdir(), 'nightfill-fill-bench-'));
const assetId = 'bench';
const night = await makeOneNight({
  assetId,
  segmentBytes,
  credentialOf: (id) => applianceCredential(fleetSecret, id),
  // Two batches of an appliance are under way at once.
  parallelPushes: Math.max(1, Math.round(transfers / 2)),
});

interface Cost {
  readonly wallS: number;
  /** Of all processes that took part. */
  readonly cpuS: number;
}

async function nightfill(round: number): Promise<Cost> {
  const place = join(dir, `appliance-${round}`);
  mkdirSync(place);
  const appliance = await startAppliance({
    name: 'bench-1',
    dir: place,
    storeRoot: dir,
    memoryTier: '64MB',
    unpinned: true,
    nodeArgs: process.execArgv,
  });
  try {
    const target = { id: 'bench-1', internalUrl: `http://127.0.0.1:${appliance.port}` };
    const before = cpuSecondsOf(process.pid);
    const { seconds, report } = await night.fill(target, round);
    const cpuS = cpuSecondsOf(process.pid) - before;
    if (report.pushed.bytes < totalBytes) throw new Error(`only ${report.pushed.bytes} bytes were pushed`);
    return { wallS: seconds, cpuS };
  } finally {
    await appliance.stop();
    rmSync(place, { recursive: true, force: true });
  }
}

/** A shell tells what its child used: `times` (POSIX) writes its own line first. */
const timed = '"$@"; code=$?; times >&3; exit $code';
const secondsIn = (words: string): number =>
  [...words.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, m, s]) => sum + Number(m) * 60 + Number(s), 0);

async function copy(to: string): Promise<Cost> {
  const options = ['--transfers', String(transfers), '--checkers', String(transfers), '--config', '', '--retries', '1'];
  const startMs = performance.now();
  const child = spawn('sh', ['-c', timed, 'sh', 'rclone', 'copy', night.folder, to, ...options], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const told = child.stdio[3] instanceof Readable ? text(child.stdio[3]) : '';
  const [code] = (await once(child, 'exit')) as [number];
  const wallS = (performance.now() - startMs) / 1_000;
  if (code !== 0) throw new Error(`rclone ended with ${code}`);
  return { wallS, cpuS: secondsIn((await told).split('\n')[1] ?? '') };
}

async function rcloneLocal(round: number): Promise<Cost> {
  const place = join(dir, `copy-${round}`);
  try {
    return await copy(place);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function rcloneHttp(round: number): Promise<Cost> {
  const place = join(dir, `webdav-${round}`);
  mkdirSync(place);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = spawn('rclone', ['serve', 'webdav', place, '--addr', `127.0.0.1:${port}`], { stdio: 'ignore' });
  try {
    const deadline = Date.now() + 20_000;
    while (!(await fetch(url).catch(() => null))) {
      if (Date.now() > deadline) throw new Error('rclone serve does not answer');
      await delay(50);
    }
    const before = cpuSecondsOf(server.pid ?? 0);
    const client = await copy(`:webdav,url="${url}":`);
    return { wallS: client.wallS, cpuS: client.cpuS + cpuSecondsOf(server.pid ?? 0) - before };
  } finally {
    await stopChild(server);
    rmSync(place, { recursive: true, force: true });
  }
}

const runs = { nightfill, 'rclone-http': rcloneHttp, 'rclone-local': rcloneLocal };
const costs: Record<RunName, Cost[]> = { nightfill: [], 'rclone-http': [], 'rclone-local': [] };

try {
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const name of names) costs[name].push(await runs[name](round));
  }
} finally {
  await night.dispose();
  rmSync(dir, { recursive: true, force: true });
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
const gib = totalBytes / 2 ** 30;
if (values.json) console.log(JSON.stringify({ totalBytes, transfers, loadavg: loadavg(), costs }));
else {
  const load = loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
  console.log(`${segmentBytes.length} files, ${(totalBytes / 2 ** 20).toFixed(0)} MiB, load ${load}`);
  for (const name of names) {
    const wallS = median(costs[name].map((cost) => cost.wallS));
    const cpuS = median(costs[name].map((cost) => cost.cpuS));
    const all = costs[name].map((cost) => cost.wallS.toFixed(2)).join(' ');
    const speed = (totalBytes / 2 ** 20 / wallS).toFixed(0);
    console.log(
      `${name.padEnd(13)} ${wallS.toFixed(2)} s  ${speed} MiB/s  ${(cpuS / gib).toFixed(1)} s of processor per GiB  (${all})`,
    );
  }
}
