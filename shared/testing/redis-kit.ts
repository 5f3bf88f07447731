import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolderObjectStore } from '../adapters/folder/folder-object-store.ts';
import { connectRedis, type RedisConnection } from '../adapters/redis/connection.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { startRedisServer, type TestRedisServer } from './redis-server.ts';

/** What adapters over Redis and an object store need: a real server, two connections as of two processes, a folder. */
export interface RedisKit {
  readonly server: TestRedisServer;
  readonly first: RedisConnection;
  readonly second: RedisConnection;
  readonly store: ObjectStore;
  /** Where `store` keeps its objects, for another process. */
  readonly folder: string;
  /** Empties Redis. */
  flushAll(): Promise<void>;
  dispose(): Promise<void>;
}

export async function makeRedisKit(options: { readonly persistent?: boolean } = {}): Promise<RedisKit> {
  const folder = await mkdtemp(join(tmpdir(), 'nightfill-store-'));
  const server = await startRedisServer(options);
  const first = connectRedis({ url: server.url });
  const second = connectRedis({ url: server.url });
  const store = makeFolderObjectStore({ root: folder });
  return {
    server,
    first,
    second,
    store,
    folder,
    async flushAll() {
      await first.client.flushall();
    },
    async dispose() {
      await Promise.all([first.close(), second.close()]);
      await store.close();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
