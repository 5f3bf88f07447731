/**
 * How soon an appliance serves again that holds very many slices, what it takes, and whether anything was lost:
 * `node scripts/bench/endure/restart.ts FOLDER`, of `make-store.ts`. Ends it in both ways, with SIGTERM and with SIGKILL
 * in the middle of writing.
 */
import { hash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Appliance, asOperator, openSite } from './appliance.ts';
import { fileOf, filesATitle, manifestOf, pathOf, titleOf, version } from './store.ts';

const [dir = '', ...nodeArgs] = process.argv.slice(2);
if (dir === '') {
  console.error('Which folder? node scripts/bench/endure/restart.ts FOLDER [ARGUMENTS OF NODE]');
  process.exit(2);
}
const site = await openSite(dir);
const show = (what: string, value: number, unit: string) =>
  console.log(`${what.padEnd(52)} ${value.toFixed(value < 10 ? 2 : 0).padStart(9)} ${unit}`);

/** Spawn to the last byte of a slice that was stored before. */
async function start(what: string): Promise<Appliance> {
  const path = await site.signed(titleOf(1), pathOf(5));
  const startedMs = performance.now();
  const appliance = await site.start({}, nodeArgs);
  const listeningMs = performance.now() - startedMs;
  let answer = await appliance.get(path);
  let bytes = Buffer.from(await answer.arrayBuffer());
  for (; answer.status !== 200; bytes = Buffer.from(await answer.arrayBuffer())) {
    if (performance.now() - startedMs > 120_000) break;
    await delay(10);
    answer = await appliance.get(path);
  }
  show(`${what}: listens after`, listeningMs / 1_000, 's');
  show(`${what}: first hit served after`, (performance.now() - startedMs) / 1_000, 's');
  if (!bytes.equals(fileOf(1, 5))) throw new Error(`wrong answer: ${answer.status} ${bytes.toString('utf8', 0, 300)}`);
  show(`${what}: processor time until then`, appliance.cpuSeconds(), 's');
  show(`${what}: memory then`, appliance.rssBytes() / 1e6, 'MB');
  return appliance;
}

/** All that is held, with the longest wait of somebody else's request meanwhile. */
async function inventory(appliance: Appliance): Promise<{ objects: number; slices: number; bytes: number }> {
  const path = await site.signed(titleOf(1), pathOf(5));
  const total = { objects: 0, slices: 0, bytes: 0 };
  let longestWaitMs = 0;
  let done = false;
  const viewer = (async () => {
    while (!done) {
      const askedMs = performance.now();
      await (await appliance.get(path)).arrayBuffer();
      longestWaitMs = Math.max(longestWaitMs, performance.now() - askedMs);
    }
  })();
  const startedMs = performance.now();
  let longestPageMs = 0;
  for (let after: string | null = ''; after !== null; ) {
    const pageMs = performance.now();
    const query = `limit=10000${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`;
    const answer = await appliance.get(`/inventory?${query}`, { headers: asOperator });
    const page = (await answer.json()) as { items: { slices: number; heldBytes: number }[]; next: string | null };
    longestPageMs = Math.max(longestPageMs, performance.now() - pageMs);
    for (const { slices, heldBytes } of page.items) {
      total.objects += 1;
      total.slices += slices;
      total.bytes += heldBytes;
    }
    after = page.next;
  }
  show('inventory, pages of 10,000', (performance.now() - startedMs) / 1_000, 's');
  show('inventory, the slowest page', longestPageMs, 'ms');
  done = true;
  await viewer;
  show('… and the longest wait of a viewer meanwhile', longestWaitMs, 'ms');
  return total;
}

/** Some of all that was stored, byte by byte, over HTTP. */
async function check(appliance: Appliance, titles: number, samples: number): Promise<void> {
  let wrong = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    const [title, at] = [Math.floor((sample * titles) / samples), (sample * 37) % (filesATitle - 1)];
    const answer = await appliance.get(await site.signed(titleOf(title), pathOf(at)));
    const isHeld = String(answer.headers.get('cache-status')).includes('hit');
    if (!isHeld || !Buffer.from(await answer.arrayBuffer()).equals(fileOf(title, at))) wrong += 1;
  }
  show('slices read over HTTP that were lost or wrong', wrong, `of ${samples}`);
  if (wrong > 0) process.exitCode = 1;
}

async function fillTitle(appliance: Appliance, title: number, onStored: () => void): Promise<void> {
  const { bytes, files } = manifestOf(title);
  const prefix = `${titleOf(title)}/${version}`;
  const put = async (name: string, body: Buffer, sha256: string) => {
    const status = await appliance.fill(`${prefix}/${name}`, body, sha256);
    if (status !== 201 && status !== 200) throw new Error(`fill of ${name}: ${status}`);
    onStored();
  };
  await put('asset.json', bytes, hash('sha256', bytes, 'hex'));
  const lane = async (from: number) => {
    for (let at = from; at < files.length; at += 4) await put(pathOf(at), fileOf(title, at), files[at]?.sha256 ?? '');
  };
  await Promise.all([0, 1, 2, 3].map(lane));
}

try {
  const foresight = join(dir, 'cache/foresight');
  show('file of what is known of demand', statSync(foresight).size / 1e6, 'MB');
  const first = await start('after a stop');
  const before = await inventory(first);
  show('objects held', before.objects, '');
  const titles = Math.round(before.objects / filesATitle);
  await check(first, titles, 1_000);
  show('most memory until then', first.rssBytes('VmHWM') / 1e6, 'MB');
  const stoppingMs = performance.now();
  await first.end('SIGTERM');
  show('clean stop', (performance.now() - stoppingMs) / 1_000, 's');

  const second = await start('after a stop, again');
  let stored = 0;
  const fillingMs = performance.now();
  // What was deleted stays so: each run has titles of its own.
  const fresh = titles + 2 * Math.floor(Date.now() / 1_000);
  await fillTitle(second, fresh, () => {
    stored += 1;
  });
  show('a small slice filled in over HTTP, 4 at a time', ((performance.now() - fillingMs) / stored) * 1_000, 'µs');
  const killAt = stored + filesATitle / 2;
  const filling = fillTitle(second, fresh + 1, () => {
    stored += 1;
    if (stored === killAt) void second.end('SIGKILL');
  }).catch(() => {});
  await filling;
  await second.end('SIGKILL');
  const third = await start('after kill -9 while writing');
  const after = await inventory(third);
  show('objects acknowledged and not held', Math.max(0, before.objects + stored - after.objects), '');
  if (after.objects < before.objects + stored) process.exitCode = 1;
  await check(third, titles, 1_000);
  for (const title of [fresh, fresh + 1])
    await third.get(`/objects/${titleOf(title)}/`, { method: 'DELETE', headers: asOperator });
  show('objects after tidying up', (await inventory(third)).objects, '');
  await third.end('SIGTERM');
  show('files of the journal', readdirSync(join(dir, 'cache/journal')).length, '');
} finally {
  await site.close();
}
