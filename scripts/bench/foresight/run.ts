/**
 * What it costs an appliance to keep pulled slices by forecast value: a note of one request, weighing it, memory, and what a restart reads. Times are processor time, so that a busy machine does not show in them.
 *
 *     node --expose-gc scripts/bench/foresight/run.ts [HELD] [ABSENT]
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readForesight, writeForesight } from '../../../shared/adapters/slice-cache/foresight-file.ts';
import { makePulledSlices } from '../../../shared/adapters/slice-cache/pulled-slices.ts';
import { type HeldSlice, makeSliceIndex } from '../../../shared/adapters/slice-cache/slice-index.ts';

const [held = 100_000, absent = 100_000] = process.argv.slice(2).map(Number);
const sizeBytes = 2_000_000;
const clock = { ms: Date.parse('2026-11-20T10:00:00Z'), now: () => clock.ms };
const index = makeSliceIndex();
const pulled = makePulledSlices({
  index,
  clock,
  isPlanned: () => false,
  onEvict: () => {},
  onRound: () => {},
  saved: null,
});
const memoryBytes = (): number => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
const measure = (what: string, unit: string, count: number, scale: number, work: () => void): void => {
  const from = cpuMs();
  work();
  console.log(`${what.padEnd(44)} ${(((cpuMs() - from) * scale) / count).toFixed(3).padStart(9)} ${unit}`);
};

pulled.setCapacity(Number.MAX_SAFE_INTEGER);
const slices: HeldSlice[] = [];
const keyOf = (at: number, name: string) => `${name}-${at % 5_000}/0123456789abcdef/video-720p/segment-${at}.m4s`;
for (let at = 0; at < held; at += 1) slices.push(index.add(keyOf(at, 'title'), 0, { sizeBytes, fileId: at, crc: 0 }));
const before = memoryBytes();
measure('counting in a held slice at the start', 'µs', held, 1_000, () => {
  for (const slice of slices) pulled.keepByValue(slice);
});
measure('noting and weighing slices asked for once', 'µs', held, 1_000, () => {
  for (const slice of slices) pulled.asked(slice, sizeBytes);
  pulled.offer({ key: 'a/v/f', index: 0 }, 1);
});
console.log(`${'memory of a known held slice'.padEnd(44)} ${((memoryBytes() - before) / held).toFixed(0)} bytes`);
const beforeAbsent = memoryBytes();
measure('noting and weighing misses', 'µs', absent, 1_000, () => {
  for (let at = 0; at < absent; at += 1) pulled.missed(keyOf(at, 'other'), { index: 0, sizeBytes }, sizeBytes);
  pulled.offer({ key: 'a/v/g', index: 0 }, 1);
});
console.log(
  `${'memory of a known absent slice'.padEnd(44)} ${((memoryBytes() - beforeAbsent) / absent).toFixed(0)} bytes`,
);
const few = slices.slice(0, 1_000);
const asks = 10_000_000;
measure('noting one request among many', 'ns', asks, 1e6, () => {
  for (let at = 0; at < asks; at += 1) {
    const slice = few[at % few.length];
    if (slice) pulled.asked(slice, sizeBytes);
  }
});
const dir = fs.mkdtempSync(join(tmpdir(), 'nightfill-foresight-'));
const saving = cpuMs();
const saved = pulled.save();
console.log(`${'gathering what is saved'.padEnd(44)} ${(cpuMs() - saving).toFixed(0).padStart(9)} ms`);
await writeForesight(dir, saved);
console.log(`${'size of the file'.padEnd(44)} ${(fs.statSync(join(dir, 'foresight')).size / 1e6).toFixed(0)} MB`);
const reading = cpuMs();
await readForesight(dir);
console.log(`${'reading it'.padEnd(44)} ${(cpuMs() - reading).toFixed(0).padStart(9)} ms`);
fs.rmSync(dir, { recursive: true });
pulled.stop();
