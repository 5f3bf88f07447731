/** A thread that sums slices which lie in shared memory; see `summer.ts`. */
import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { sumBlocks } from './block-sums.ts';
import type { SumTask, SumTaskDone } from './summer.ts';

parentPort?.on('message', ({ id, bytes }: SumTask) => {
  const done: SumTaskDone = { id, sha256: hash('sha256', bytes, 'hex'), ...sumBlocks(bytes) };
  parentPort?.postMessage(done);
});

parentPort?.postMessage('ready');
