/**
 * Disks that fail an appliance, and processes that are killed: `node scripts/bench/endure/disk.ts [ROUNDS=10]`, as root,
 * because it mounts a small disk of its own in memory.
 *
 * Ten and more times: the process is killed while it fills and pulls, started again, and every byte of every slice that it
 * holds is read and compared. Then its disk is full, takes no files, loses its files and has bits turned. All the
 * time whatever is answered has to be right, and the process has to live.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolderObjectStore } from '../../../shared/adapters/folder/folder-object-store.ts';
import { type Appliance, asOperator, openSite } from './appliance.ts';
import { fillTitle, makeTitle, type Title } from './content.ts';
import { version } from './store.ts';
import { heldBy, makeExpectations, pieces, publishTitle, type Read, readTitle } from './trial.ts';

const rounds = Number(process.argv[2] ?? 10);
const diskBytes = 256 * 2 ** 20;
const root = mkdtempSync(join(tmpdir(), 'nightfill-disk-'));
const disk = join(root, 'disk');
mkdirSync(disk);
const mount = (...args: string[]) => execFileSync('mount', args);
mount('-t', 'tmpfs', '-o', `size=${diskBytes}`, 'none', disk);
// What control allows is more than there is: the disk itself says when it is full.
const site = await openSite(join(disk, 'appliance'), 1e12);
const env = {
  NIGHTFILL_STORE_URL: `folder:${join(root, 'store')}`,
  NIGHTFILL_MEMORY_TIER: '1MiB',
  NIGHTFILL_SCRUB_RATE: '64MiB',
  NIGHTFILL_LOG_LEVEL: 'silent',
};
const film = makeTitle('film', pieces(60, 300_000));
const titles = new Map<string, Title>([['film', film]]);

const { expectThat, end } = makeExpectations();
const read = (appliance: Appliance, title: Pick<Title, 'assetId' | 'files'>): Promise<Read> =>
  readTitle(site, appliance, title);

async function publish(): Promise<void> {
  const store = makeFolderObjectStore({ root: join(root, 'store') });
  await publishTitle(store, film);
  await store.close();
}

const remove = (appliance: Appliance, assetId: string) =>
  appliance.get(`/objects/${assetId}/`, { method: 'DELETE', headers: asOperator });

async function killed(): Promise<void> {
  console.log(`killed ${rounds} times while filling and pulling`);
  let lost = 0;
  let compared = 0;
  let right = 0;
  let appliance = await site.start(env);
  await appliance.ready();
  for (let round = 0; round < rounds; round += 1) {
    const title = makeTitle(`night-${round}`, pieces(200, 60_000));
    titles.set(title.assetId, title);
    const acknowledged = new Set<string>();
    const filler = appliance;
    const noting: Pick<Appliance, 'fill'> = {
      async fill(key, bytes, sha256) {
        const status = await filler.fill(key, bytes, sha256);
        if (status === 201) acknowledged.add(key);
        return status;
      },
    };
    const work = Promise.allSettled([fillTitle(noting, title, 4), read(appliance, film)]);
    await delay(50 + ((round * 137) % 700));
    await appliance.end('SIGKILL');
    await work;
    appliance = await site.start(env);
    await appliance.ready();
    const held = new Set(await heldBy(appliance));
    for (const key of acknowledged) if (!held.has(key)) lost += 1;
    for (const one of titles.values()) {
      const files = one.files.filter(({ path }) => held.has(`${one.assetId}/${version}/${path}`));
      const found = await read(appliance, { ...one, files });
      compared += files.length;
      right += found.right;
    }
    for (const old of [...titles.keys()].filter((name) => name !== 'film').slice(0, -3)) {
      await remove(appliance, old);
      titles.delete(old);
    }
  }
  expectThat(lost === 0, `${lost} acknowledged objects lost`);
  expectThat(right === compared, `${compared} slices compared, ${right} right`);
  for (const name of titles.keys()) await remove(appliance, name === 'film' ? 'none' : name);
  await appliance.end('SIGTERM');
}

async function full(appliance: Appliance): Promise<void> {
  console.log('a full disk');
  const large = makeTitle('large', pieces(400, 1_000_000));
  const outcome = await fillTitle(appliance, large, 4).then(
    () => 'it took everything',
    (error: Error) => error.message,
  );
  expectThat(/: (507|409|503)$/.test(outcome), `the fill was refused: ${outcome}`);
  const viewers = await read(appliance, film);
  expectThat(
    viewers.right === film.files.length,
    `viewers of what is held and what is not: ${JSON.stringify(viewers)}`,
  );
  await remove(appliance, 'large');
  const small = makeTitle('small', pieces(20, 100_000));
  await fillTitle(appliance, small, 4);
  const after = await read(appliance, small);
  expectThat(after.held === 20, `room again: ${JSON.stringify(after)}`);
}

async function unwritable(appliance: Appliance): Promise<void> {
  console.log('a disk that takes no files any more');
  // Nothing can be remounted while its journal is open; no file can be begun where there is no folder for it.
  const begun = join(disk, 'appliance/cache/tmp');
  rmSync(begun, { recursive: true });
  writeFileSync(begun, '');
  try {
    const viewers = await read(appliance, film);
    expectThat(viewers.right === film.files.length, `viewers: ${JSON.stringify(viewers)}`);
    const outcome = await fillTitle(appliance, makeTitle('late', pieces(5, 100_000)), 1).catch((e: Error) => e.message);
    expectThat(typeof outcome === 'string', `the fill was refused: ${outcome}`);
  } finally {
    rmSync(begun);
    mkdirSync(begun);
  }
  await fillTitle(appliance, makeTitle('later', pieces(5, 100_000)), 1);
  expectThat(true, 'a fill later');
}

async function lostFiles(appliance: Appliance): Promise<void> {
  console.log('files that vanish');
  const slices = join(disk, 'appliance/cache/slices');
  renameSync(slices, `${slices}.away`);
  const viewers = await read(appliance, film);
  expectThat(viewers.right === film.files.length, `viewers: ${JSON.stringify(viewers)}`);
  rmSync(slices, { recursive: true, force: true });
  renameSync(`${slices}.away`, slices);
  const again = await read(appliance, film);
  expectThat(again.right === film.files.length, `viewers when they are back: ${JSON.stringify(again)}`);
}

async function rotten(appliance: Appliance): Promise<void> {
  console.log('bits that turn');
  const slices = join(disk, 'appliance/cache/slices');
  const filesThere = () =>
    readdirSync(slices, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  // Of what vanished before, files may lie about that are no longer held.
  const others = new Set(filesThere());
  await fillTitle(appliance, makeTitle('rot', pieces(100, 200_000)), 4);
  const files = filesThere().filter((path) => !others.has(path));
  const damaged = async (): Promise<number> => {
    const text = await (await appliance.get('/metrics')).text();
    return Number(/^nightfill_cache_damaged_slices\S* (\d+)/m.exec(text)?.[1]);
  };
  const before = await damaged();
  let turned = 0;
  for (const [at, path] of files.entries()) {
    if (at % 5 > 0) continue;
    const bytes = readFileSync(path);
    bytes[(at * 7_919) % bytes.length] = (bytes[(at * 7_919) % bytes.length] ?? 0) ^ (1 << (at % 8));
    writeFileSync(path, bytes);
    turned += 1;
  }
  const deadlineMs = performance.now() + 60_000;
  while ((await damaged()) - before < turned && performance.now() < deadlineMs) await delay(500);
  const found = (await damaged()) - before;
  expectThat(found === turned, `${turned} slices of ${files.length} were damaged, ${found} found`);
  const viewers = await read(appliance, film);
  expectThat(viewers.right === film.files.length, `viewers: ${JSON.stringify(viewers)}`);
}

try {
  await publish();
  await killed();
  const appliance = await site.start(env);
  await appliance.ready();
  await full(appliance);
  await unwritable(appliance);
  await lostFiles(appliance);
  await rotten(appliance);
  await appliance.end('SIGTERM');
  const again = await site.start(env);
  await again.ready();
  const held = await heldBy(again);
  const left = await read(again, film);
  expectThat(left.right === film.files.length, `after a restart, of ${held.length} objects: ${JSON.stringify(left)}`);
  await again.end('SIGTERM');
} finally {
  await site.close();
  execFileSync('umount', ['-l', disk]);
  rmSync(root, { recursive: true });
}
end();
