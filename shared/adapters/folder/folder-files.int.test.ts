/** What only a folder can be tried for: killed writers, full disks, links, files that others left. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ObjectStore, ObjectStoreError } from '../../ports/object-store.ts';
import { makeFolderObjectStore } from './folder-object-store.ts';

const MiB = 1024 * 1024;

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it was not refused',
    (error: unknown) => (error instanceof ObjectStoreError ? error.code : String(error)),
  );

async function keysIn(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

let base: string;
let root: string;
let store: ObjectStore;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'nightfill-folder-'));
  root = join(base, 'store');
  store = makeFolderObjectStore({ root });
});
afterEach(() => rm(base, { recursive: true, force: true }));

const temps = () => readdir(join(root, 'tmp'));

describe('a writer that is killed', () => {
  /** Another process that has begun to put `killed/object` and never ends. */
  async function startWriter(): Promise<ChildProcess> {
    const script = `
      import { Readable } from 'node:stream';
      process.stdin.resume();
      const { makeFolderObjectStore } = await import(process.argv[1]);
      const body = new Readable({ read() {} });
      body.push(Buffer.alloc(${MiB}));
      await makeFolderObjectStore({ root: process.argv[2] }).put('killed/object', body);`;
    const module = new URL('./folder-object-store.ts', import.meta.url).href;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, module, root], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    await expect.poll(() => temps().catch(() => []), { timeout: 15_000 }).toHaveLength(1);
    return child;
  }

  it('leaves no object, and the next process frees what it wrote, but not what a living one writes', async () => {
    const writer = await startWriter();
    try {
      await makeFolderObjectStore({ root }).check();
      expect(await temps()).toHaveLength(1);
    } finally {
      writer.kill('SIGKILL');
      await once(writer, 'exit');
    }
    const own = new Readable({ read() {} });
    const putting = store.put('living/object', own);
    own.push('alive');
    await expect.poll(temps).toHaveLength(1);

    const next = makeFolderObjectStore({ root });
    await next.check();
    expect(await temps()).toHaveLength(1);
    expect(await keysIn(next)).toEqual([]);
    own.push(null);
    await putting;
    expect(await keysIn(next)).toEqual(['living/object']);
    expect(await temps()).toEqual([]);
  });

  it('on another machine is given a day', async () => {
    await store.check();
    const [young, old] = [join(root, 'tmp/abc.1.2.young'), join(root, 'tmp/abc.1.2.old')];
    for (const path of [young, old]) await writeFile(path, 'half');
    const beforeYesterday = new Date(Date.now() - 48 * 3600 * 1000);
    await utimes(old, beforeYesterday, beforeYesterday);
    await makeFolderObjectStore({ root }).check();
    expect(await temps()).toEqual(['abc.1.2.young']);
  });
});

describe('a disk that is full', () => {
  let mounted = false;
  beforeEach(async () => {
    await mkdir(root);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'nightfill-test', root], { stdio: 'ignore' });
      mounted = true;
    } catch {
      mounted = false;
    }
  });
  afterEach(() => {
    if (mounted) execFileSync('umount', ['--lazy', root]);
  });

  it('refuses with no-space, keeps what was there and takes what still fits', async (context) => {
    if (!mounted) return context.skip('this user may not mount a small file system');
    await store.put('held', Buffer.alloc(MiB, 'h'));
    const pieces = Array.from({ length: 80 }, () => Buffer.alloc(100_000));
    expect(await codeOf(store.put('held', Readable.from(pieces)))).toBe('no-space');
    expect(await codeOf(store.put('new', Buffer.alloc(5 * MiB)))).toBe('no-space');
    expect(await temps()).toEqual([]);
    expect(await keysIn(store)).toEqual(['held']);
    expect(await readFile(join(root, 'objects/held'))).toHaveLength(MiB);
    await store.put('fits', Buffer.alloc(MiB));
    await store.delete('held');
    await store.put('fits-too', Buffer.alloc(2 * MiB));
  });
});

describe('keys that are folders of others', () => {
  it('are refused, and both objects stay as they were', async () => {
    await store.put('film/part', Buffer.from('1'));
    await store.put('name', Buffer.from('2'));
    for (const options of [{}, { ifNoneMatch: '*' as const }]) {
      expect(await codeOf(store.put('film', Buffer.from('x'), options))).toBe('key-conflict');
      expect(await codeOf(store.put('name/below', Buffer.from('x'), options))).toBe('key-conflict');
      expect(await codeOf(store.put('name/far/below', Buffer.from('x'), options))).toBe('key-conflict');
    }
    expect(await keysIn(store)).toEqual(['film/part', 'name']);
    expect(await temps()).toEqual([]);
  });

  it('may be used once the folder is empty, also when a process died before it filled it', async () => {
    await store.check();
    await mkdir(join(root, 'objects/left'));
    await store.put('left', Buffer.from('1'));
    expect(await keysIn(store)).toEqual(['left']);
  });
});

describe('what is not an object', () => {
  it('is neither followed nor listed: links out of the root, odd names, pipes', async () => {
    const outside = join(base, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'secret'), 'secret');
    await store.put('in/object', Buffer.from('1'));
    await symlink(outside, join(root, 'objects/out'));
    await symlink(join(outside, 'secret'), join(root, 'objects/in/link'));
    await mkdir(join(root, 'objects/odd'));
    await writeFile(join(root, 'objects/odd/line\nbreak'), 'x');
    execFileSync('mkfifo', [join(root, 'objects/in/pipe')]);

    for (const key of ['out/secret', 'in/link', 'in/pipe']) {
      expect(await store.head(key)).toBeNull();
      expect(await store.get(key)).toBeNull();
      await store.delete(key);
    }
    expect(await keysIn(store)).toEqual(['in/object']);
    for await (const { key } of store.list('out/')) throw new Error(`${key} is outside`);
    expect(await codeOf(store.put('out/new', Buffer.from('x')))).toBe('key-conflict');
    expect(await store.deletePrefix('out/')).toBe(0);
    expect(await readdir(outside)).toEqual(['secret']);

    await store.put('in/link', Buffer.from('object'));
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(await store.deletePrefix('in/')).toBe(2);
    expect(await keysIn(store)).toEqual([]);
  });
});

describe('empty folders', () => {
  it('go with their last object', async () => {
    await store.put('a/b/c/1', Buffer.from('1'));
    await store.put('a/b/2', Buffer.from('2'));
    await store.delete('a/b/c/1');
    expect(await readdir(join(root, 'objects/a/b'))).toEqual(['2']);
    await store.deletePrefix('a/b/');
    expect(await readdir(join(root, 'objects'))).toEqual([]);
  });
});

describe('a root that cannot be', () => {
  it('fails the check with what to do, and works once that is done', async () => {
    await writeFile(root, 'a file');
    await expect(store.check()).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining(root) });
    await rm(root);
    await store.check();
    expect((await readdir(dirname(root))).includes('store')).toBe(true);
  });
});
