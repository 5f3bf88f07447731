import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TelemetryBatch } from '../../shared/domain/demand.ts';
import { replaceFile } from './state-file.ts';

/** Batches on disk that control has not taken yet, at most `maxBatches` of them. */
export interface TelemetrySpool {
  add(batch: TelemetryBatch): Promise<void>;
  /** Each batch with the call that removes it. */
  oldestFirst(): AsyncIterable<{ readonly batch: TelemetryBatch; readonly done: () => Promise<void> }>;
  readonly size: number;
  /** Lost because the spool was full. */
  readonly dropped: number;
}

/** A day and more of one batch every five seconds. */
const defaultMaxBatches = 20_000;

export async function openTelemetrySpool(dir: string, maxBatches = defaultMaxBatches): Promise<TelemetrySpool> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  /** Names count up, so that their order is that of the batches. */
  const names = (await readdir(dir)).filter((name) => /^\d{12}\.json$/.test(name)).sort();
  let next = Number(names.at(-1)?.slice(0, 12) ?? 0) + 1;
  let dropped = 0;

  async function remove(name: string): Promise<void> {
    const at = names.indexOf(name);
    if (at >= 0) names.splice(at, 1);
    await rm(join(dir, name), { force: true });
  }

  return {
    async add(batch) {
      const name = `${String(next).padStart(12, '0')}.json`;
      next += 1;
      await replaceFile(join(dir, name), JSON.stringify(batch));
      names.push(name);
      for (let oldest = names[0]; names.length > maxBatches && oldest !== undefined; oldest = names[0]) {
        dropped += 1;
        await remove(oldest);
      }
    },
    async *oldestFirst() {
      for (const name of [...names]) {
        const text = await readFile(join(dir, name), 'utf8').catch(() => '');
        const batch = parseBatch(text);
        if (batch) yield { batch, done: () => remove(name) };
        else await remove(name);
      }
    },
    get size() {
      return names.length;
    },
    get dropped() {
      return dropped;
    },
  };
}

function parseBatch(text: string): TelemetryBatch | null {
  try {
    return JSON.parse(text) as TelemetryBatch;
  } catch {
    return null;
  }
}
