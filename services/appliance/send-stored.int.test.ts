/** Answers that the kernel sends from the disk, over real connections of all speeds. */
import { once } from 'node:events';
import fs from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeFolderObjectStore } from '../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../shared/adapters/slice-cache/slice-cache.ts';
import { sliceSizeBytes } from '../../shared/domain/manifest.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import type { SigningKey } from '../../shared/tokens/keys.ts';
import {
  type ControlStandIn,
  kernel,
  makeKey,
  makeTitle,
  publish,
  type RunningAppliance,
  send,
  signedPath,
  startAppliance,
  startControl,
} from './testing/fleet.ts';
import { talk } from './testing/talk.ts';

const path = 'video-720p/large.mp4';
const title = makeTitle('film', [{ path, sizeBytes: sliceSizeBytes }]);
const bytes = title.files.get(path) ?? Buffer.alloc(0);

describe.runIf(kernel)('an answer from the disk', () => {
  let dir: string;
  let store: ObjectStore;
  let control: ControlStandIn;
  let key: SigningKey;
  let edge: RunningAppliance;
  let cache: SegmentCache;
  let target: string;
  let opened: number;

  async function start(trustMs: number): Promise<void> {
    const openCache = async (at: string) => {
      const real = await openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes: 0, trustMs, kernel });
      cache = {
        ...real,
        openPartNow(...place) {
          const part = real.openPartNow(...place);
          if (part) opened += 1;
          return part;
        },
      };
      return cache;
    };
    edge = await startAppliance({ id: 'edge-1', dir: join(dir, 'edge-1'), control, key, openCache, store });
    await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
    target = await signedPath(key, title, path);
    // Pulled, stored, read and checked.
    opened = 0;
    const connection = talk(edge.port);
    await vi.waitFor(
      async () => {
        ask(connection.socket);
        expect((await connection.answer()).body.equals(bytes)).toBe(true);
        expect(opened).toBeGreaterThan(0);
      },
      { timeout: 10_000 },
    );
    connection.close();
    opened = 0;
  }

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'nightfill-stored-'));
    store = makeFolderObjectStore({ root: join(dir, 'store') });
    await publish(store, title);
    control = await startControl();
    key = await makeKey();
  });
  afterEach(async () => {
    await edge?.stop();
    await control?.goAway();
    await store?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const ask = (socket: net.Socket, more = '') =>
    socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`);

  /** Reads a little at a time, with pauses, until so many bytes of a body are there. */
  async function readSlowly(socket: net.Socket, length: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = Number.POSITIVE_INFINITY;
    for (let got = 0; got < size; ) {
      const chunk = socket.read() as Buffer | null;
      if (!chunk) {
        await Promise.race([once(socket, 'readable'), delay(20)]);
        continue;
      }
      chunks.push(chunk);
      got += chunk.length;
      if (size === Number.POSITIVE_INFINITY) size = Buffer.concat(chunks).indexOf('\r\n\r\n') + 4 + length;
      await delay(2);
    }
    return Buffer.concat(chunks).subarray(-length);
  }

  it('is whole for clients that read slowly, one request after another on one connection', async () => {
    await start(60_000);
    const sockets = [0, 1, 2].map(() => net.connect(edge.port, '127.0.0.1'));
    for (const socket of sockets) {
      ask(socket);
      expect((await readSlowly(socket, bytes.length)).equals(bytes)).toBe(true);
      ask(socket, 'Range: bytes=1000-2999999\r\n');
      expect((await readSlowly(socket, 2_999_000)).equals(bytes.subarray(1_000, 3_000_000))).toBe(true);
      socket.destroy();
    }
    expect(opened).toBeGreaterThanOrEqual(6);
  });

  it('goes on with checked pieces when its check becomes too old on the way', async () => {
    await start(60_000);
    await edge.stop();
    await start(30);
    const socket = net.connect(edge.port, '127.0.0.1');
    ask(socket);
    expect((await readSlowly(socket, bytes.length)).equals(bytes)).toBe(true);
    socket.destroy();
    expect(opened).toBe(1);
  });

  it('leaves no file open when its client goes away, and what was deleted meanwhile is free', async () => {
    await start(60_000);
    const socket = net.connect(edge.port, '127.0.0.1');
    ask(socket);
    await once(socket, 'readable');
    socket.destroy();
    await cache.remove('film/');
    await vi.waitFor(async () => expect(await openSliceFiles()).toEqual([]), { timeout: 10_000 });
    expect(opened).toBe(1);
  });

  async function openSliceFiles(): Promise<string[]> {
    const targets = (await readdir('/proc/self/fd')).map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    return targets.filter((file) => file.startsWith(join(dir, 'edge-1', 'cache', 'slices')));
  }
});
