/**
 * A disk that dies under an appliance: `node scripts/bench/endure/dying-disk.ts`, as root, because it makes a file system of its
 * own in a file (ext4 on a loop device).
 *
 * First the last part of that file is cut off: what lay there gives I/O errors from then on, to reads and to writes. Then, on a new one, the
 * file system is told of an error and becomes read-only, as ext4 does by itself. Whatever is answered has to be right, and the process has to live.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { makeFolderObjectStore } from '../../../shared/adapters/folder/folder-object-store.ts';
import { type Appliance, asOperator, openSite, type Site } from './appliance.ts';
import { fillTitle, makeTitle } from './content.ts';
import { heldBy, makeExpectations, pieces, publishTitle, readTitle } from './trial.ts';

const diskBytes = 384 * 2 ** 20;
const root = mkdtempSync(join(tmpdir(), 'nightfill-dying-'));
const store = makeFolderObjectStore({ root: join(root, 'store') });
const image = join(root, 'image');
const disk = join(root, 'disk');
mkdirSync(disk);
const film = makeTitle('film', pieces(100, 1_000_000));
const other = makeTitle('other', pieces(60, 500_000));
const filled = makeTitle('filled', pieces(100, 1_000_000));

const { expectThat, end } = makeExpectations();

/** Mounts a new file system; what it holds lies in the page cache until `forget`. */
function mountDisk(): void {
  writeFileSync(image, '');
  truncateSync(image, diskBytes);
  execFileSync('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
  execFileSync('mount', ['-o', 'loop,errors=remount-ro', image, disk]);
}
const forget = (): void => {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
};
/** The kernel's name of the mounted device. */
function device(): string {
  const line = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[1] === disk);
  return basename(line?.split(' ')[0] ?? '');
}
const options = (): string =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[1] === disk)
    ?.split(' ')[3] ?? '';

/** What it says of its disk. */
const trouble = async (appliance: Appliance): Promise<string> => {
  const text = await (await appliance.get('/metrics')).text();
  return (text.match(/^nightfill_(disk_errors|cache_damaged)\S* \d+/gm) ?? ['nothing']).join(', ');
};

const outcomeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'taken',
    (error: Error) => error.message,
  );

type Start = () => Promise<Appliance>;

async function onNewDisk(use: (site: Site, start: Start) => Promise<void>): Promise<void> {
  mountDisk();
  const site = await openSite(join(disk, 'appliance'), 1e12);
  const env = {
    NIGHTFILL_STORE_URL: `folder:${join(root, 'store')}`,
    NIGHTFILL_MEMORY_TIER: '1MiB',
    NIGHTFILL_SCRUB_RATE: '64MiB',
    NIGHTFILL_LOG_LEVEL: 'error',
  };
  try {
    await use(site, () => site.start(env));
  } finally {
    await site.close();
    execFileSync('umount', ['-l', disk]);
    rmSync(image);
  }
}

/** It stops when it is told to; what becomes of a start on what is left of the disk, it says itself. */
async function stopAndStart(appliance: Appliance, start: Start): Promise<void> {
  console.log(`  ${await trouble(appliance)}; mounted ${options()}; readyz ${(await appliance.get('/readyz')).status}`);
  await appliance.end('SIGTERM');
  const again = await start().catch((error: Error) => error);
  console.log(`  a start on this disk: ${again instanceof Error ? again.message : 'it starts'}`);
  if (!(again instanceof Error)) await again.end('SIGTERM');
}

async function ioErrors(site: Site, start: Start): Promise<void> {
  const appliance = await start();
  await appliance.ready();
  await readTitle(site, appliance, film);
  await fillTitle(appliance, filled, 4);
  const before = await readTitle(site, appliance, film);
  const held = (await heldBy(appliance)).length;
  expectThat(before.right === film.files.length, `viewers before: ${JSON.stringify(before)}, ${held} objects held`);
  forget();
  truncateSync(image, Math.round(diskBytes * 0.3));
  forget();
  for (const time of ['first', 'second']) {
    const found = await readTitle(site, appliance, film);
    expectThat(found.right === film.files.length, `viewers, the ${time} time: ${JSON.stringify(found)}`);
  }
  const gone = await readTitle(site, appliance, filled);
  expectThat(gone.wrong === 0, `viewers of what lay nowhere else: ${JSON.stringify(gone)}`);
  console.log(`  a fill: ${await outcomeOf(fillTitle(appliance, makeTitle('late', pieces(50, 1_000_000)), 2))}`);
  const pulled = await readTitle(site, appliance, other);
  expectThat(pulled.right === other.files.length, `viewers of what was not held: ${JSON.stringify(pulled)}`);
  await stopAndStart(appliance, start);
}

async function readOnly(site: Site, start: Start): Promise<void> {
  const appliance = await start();
  await appliance.ready();
  await readTitle(site, appliance, film);
  const before = await readTitle(site, appliance, film);
  writeFileSync(`/sys/fs/ext4/${device()}/trigger_fs_error`, 'an error');
  const held = await readTitle(site, appliance, film);
  expectThat(
    held.right === film.files.length && held.held >= before.held,
    `viewers of what is held: ${JSON.stringify(held)}`,
  );
  const pulled = await readTitle(site, appliance, other);
  expectThat(pulled.right === other.files.length, `viewers of what is not held: ${JSON.stringify(pulled)}`);
  const outcome = await outcomeOf(fillTitle(appliance, filled, 2));
  expectThat(/: 507$/.test(outcome), `a fill: ${outcome}`);
  const deletion = await appliance.get('/objects/film/', { method: 'DELETE', headers: asOperator });
  expectThat(deletion.status === 507, `a deletion: ${deletion.status} ${await deletion.text()}`);
  const after = await readTitle(site, appliance, film);
  expectThat(after.refused[410] === film.files.length, `viewers of what was deleted: ${JSON.stringify(after)}`);
  await stopAndStart(appliance, start);
}

try {
  await publishTitle(store, film);
  await publishTitle(store, other);
  console.log('I/O errors');
  await onNewDisk(ioErrors);
  console.log('a file system that became read-only');
  await onNewDisk(readOnly);
} finally {
  rmSync(root, { recursive: true });
}
end();
