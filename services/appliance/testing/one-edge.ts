/** One edge over a folder store that holds one title, with a folder of its own: what most tests of answers begin with. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { makeFolderObjectStore } from '../../../shared/adapters/folder/folder-object-store.ts';
import { openSliceCache } from '../../../shared/adapters/slice-cache/slice-cache.ts';
import type { SigningKey } from '../../../shared/tokens/keys.ts';
import {
  makeKey,
  publish,
  type RunningAppliance,
  type StartOptions,
  send,
  startAppliance,
  startControl,
  type Title,
} from './fleet.ts';

export interface OneEdge {
  readonly edge: RunningAppliance;
  /** Signs tokens that the edge believes. */
  readonly key: SigningKey;
  /** Ends all of it and removes its folder. */
  stop(): Promise<void>;
}

/** Resolves when the edge is ready. */
export async function startOneEdge(
  title: Title,
  memoryBytes: number,
  options: Partial<StartOptions> = {},
): Promise<OneEdge> {
  const dir = await mkdtemp(join(tmpdir(), 'nightfill-edge-'));
  const store = makeFolderObjectStore({ root: join(dir, 'store') });
  await publish(store, title);
  const control = await startControl();
  const key = await makeKey();
  const openCache = (at: string) => openSliceCache({ dir: at, capacityBytes: 1e9, memoryBytes });
  const common = { id: 'edge-1', dir: join(dir, 'edge-1'), control, key, openCache, store };
  const edge = await startAppliance({ ...common, ...options });
  await vi.waitFor(async () => expect((await send(edge.port, '/readyz')).status).toBe(200), { timeout: 10_000 });
  return {
    edge,
    key,
    async stop() {
      await edge.stop();
      await control.goAway();
      await store.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
