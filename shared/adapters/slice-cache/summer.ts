/**
 * The sums of a slice that comes in: SHA-256, and CRC-32 of its blocks. Both together take 3 ms for 4 MiB, so a thread of its own
 * makes them and the event loop has time for viewers; it also leaves alone the threads that Node has for files.
 *
 * Node's own way to hash in another thread copies the bytes first, into memory that is given back at once. Here they lie in shared
 * memory that is used again: of the pool's buffers nothing is copied, of others once.
 */
import { hash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { type BufferPool, makeBufferPool } from '../../platform/buffer-pool.ts';
import { type BlockSums, sumBlocks } from './block-sums.ts';

export interface SliceSums extends BlockSums {
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface Summer {
  /** Buffers whose bytes need not be copied. */
  readonly pool: BufferPool;
  sum(bytes: Uint8Array): Promise<SliceSums>;
  /** Whether large slices are summed in another thread by now. */
  readonly isApart: boolean;
  close(): Promise<void>;
}

export interface SumTask {
  readonly id: number;
  /** In shared memory. */
  readonly bytes: Uint8Array;
}

export interface SumTaskDone extends SliceSums {
  readonly id: number;
}

/** Up to this, summing takes less time than having it done. */
const inlineBytes = 128 * 1024;
/** Buffers that wait for the next slices. */
const idleBytes = 32 * 1024 * 1024;

const isShared = ({ buffer }: Uint8Array): boolean => buffer instanceof SharedArrayBuffer;
const sumHere = (bytes: Uint8Array): SliceSums => ({ sha256: hash('sha256', bytes, 'hex'), ...sumBlocks(bytes) });

export function makeSummer(): Summer {
  const pool = makeBufferPool(idleBytes, (sizeBytes) => Buffer.from(new SharedArrayBuffer(sizeBytes)));
  const open = new Map<number, { readonly bytes: Uint8Array; readonly done: (sums: SliceSums) => void }>();
  let thread: Worker | null = null;
  let isReady = false;
  let nextId = 0;

  /**
   * The thread starts with the first slice and lasts. Until it has, a tenth of a second later, and should it die, what it has to do
   * is done here.
   */
  function start(): Worker {
    const started = new Worker(new URL('./sum-thread.ts', import.meta.url), { execArgv: [] });
    started.unref();
    started.on('message', (message: SumTaskDone | 'ready') => {
      if (message === 'ready') {
        isReady = true;
        return;
      }
      const { id, ...sums } = message;
      open.get(id)?.done(sums);
      open.delete(id);
      if (open.size === 0) started.unref();
    });
    const onEnd = (): void => {
      if (thread === started) {
        thread = null;
        isReady = false;
      }
      for (const { bytes, done } of open.values()) done(sumHere(bytes));
      open.clear();
    };
    started.on('error', onEnd).on('exit', onEnd);
    return started;
  }

  function sumThere(thread: Worker, bytes: Uint8Array): Promise<SliceSums> {
    const task: SumTask = { id: nextId, bytes };
    nextId += 1;
    const { promise, resolve } = Promise.withResolvers<SliceSums>();
    open.set(task.id, { bytes, done: resolve });
    thread.ref();
    thread.postMessage(task);
    return promise;
  }

  return {
    pool,
    get isApart() {
      return isReady;
    },
    async sum(bytes) {
      if (bytes.length <= inlineBytes) return sumHere(bytes);
      thread ??= start();
      if (!isReady) return sumHere(bytes);
      if (isShared(bytes)) return sumThere(thread, bytes);
      const lent = pool.take(bytes.length);
      try {
        lent.set(bytes);
        return await sumThere(thread, lent.subarray(0, bytes.length));
      } finally {
        pool.give(lent);
      }
    },
    async close() {
      await thread?.terminate();
    },
  };
}
