import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyNames } from '../../shared/domain/simulation/policies.ts';
import { run } from '../cli/testing/run.ts';
import type { SimulationReport } from './simulate.ts';

const dayS = 86_400;
let folder = '';
let plain = '';
let packed = '';

/** Twenty days in two regions: twelve objects of falling popularity, each of 1,000 bytes. */
function makeLog(): string {
  const rows = ['time,object,size,region'];
  for (let place = 0; place < 4_000; place += 1) {
    const object = Math.floor(12 * ((place * 0.618_033_988_75) % 1) ** 2);
    rows.push(
      `${20_000 * dayS + Math.floor((place * 20 * dayS) / 4_000)},title-${object},1000,${place % 3 ? 'DE' : 'JP'}`,
    );
  }
  return rows.join('\n');
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightfill-simulate-'));
  plain = join(folder, 'log.csv');
  packed = join(folder, 'log.csv.gz');
  await writeFile(plain, makeLog());
  await writeFile(packed, gzipSync(makeLog()));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const reportsOf = (stdout: string): SimulationReport[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('nightfill simulate', () => {
  it('prints one JSON document with every policy, from a packed log as from a plain one', async () => {
    const [fromPlain, fromPacked] = await Promise.all(
      [plain, packed].map((log) => run(['simulate', log, '--region', 'DE', '--capacity', '50%', '--json'])),
    );
    expect(fromPlain).toMatchObject({ code: 0 });
    const [report] = reportsOf(fromPlain?.stdout ?? '');
    expect(report).toMatchObject({ trace: plain, region: 'DE', capacityBytes: 6_000, requests: 2_666, warmupDays: 7 });
    expect(report?.policies.map(({ policy }) => policy)).toEqual(policyNames);
    const ratio = (name: string) => report?.policies.find(({ policy }) => policy === name)?.byteHitRatio ?? 0;
    for (const { policy, byteHitRatio } of report?.policies ?? []) {
      expect(byteHitRatio, policy).toBeGreaterThan(0);
      if (!policy.startsWith('push')) expect(byteHitRatio, policy).toBeLessThanOrEqual(ratio('belady'));
    }
    const timeless = (stdout: string) =>
      reportsOf(stdout)[0]?.policies.map(({ policy, byteHitRatio, fillBytes }) => ({
        policy,
        byteHitRatio,
        fillBytes,
      }));
    expect(timeless(fromPacked?.stdout ?? '')).toEqual(timeless(fromPlain?.stdout ?? ''));
  });

  it('prints a line for each region and capacity, and draws the curves', async () => {
    const drawing = join(folder, 'curves.svg');
    const args = ['--region', 'DE,JP', '--capacity', '25%,9kB', '--policies', 'lru,belady', '--svg', drawing];
    const { code, stdout } = await run(['simulate', plain, ...args, '--json']);
    expect(code).toBe(0);
    expect(reportsOf(stdout).map(({ region, capacityBytes }) => [region, capacityBytes])).toEqual([
      ['DE', 3_000],
      ['DE', 9_000],
      ['JP', 3_000],
      ['JP', 9_000],
    ]);
    const svg = await readFile(drawing, 'utf8');
    expect(svg.match(/<polyline/g)).toHaveLength(4);
    expect(svg).toContain('JP: byte-hit ratio over capacity');
  });

  it('prints a table for people, of all requests unless a region is named', async () => {
    const { code, stdout } = await run(['simulate', plain, '--policies', 'lru,nightfill', '--warmup-days', '3']);
    expect(code).toBe(0);
    expect(stdout).toContain('all requests');
    expect(stdout).toMatch(/POLICY +BYTE HITS/);
    expect(stdout).toMatch(/^nightfill +\d/m);
  });

  it.each([
    ['a missing file', ['nowhere.csv'], 'does not exist'],
    ['an unknown region', ['LOG', '--region', 'FR'], 'no request of region FR in the trace; it has JP, DE'],
    ['an unknown policy', ['LOG', '--policies', 'magic'], 'magic is none of lru'],
    ['an impossible capacity', ['LOG', '--capacity', '0%'], 'above 0%'],
    ['a bad row', ['BAD'], 'line 3: size "x" is not a whole number of bytes'],
  ])('refuses %s in one line', async (_what, args, message) => {
    const bad = join(folder, 'bad.csv');
    await writeFile(bad, 'time,object,size\n1,a,2\n2,b,x\n');
    const { code, stderr, stdout } = await run([
      'simulate',
      ...args.map((each) => ({ LOG: plain, BAD: bad })[each] ?? each),
    ]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
  });
});
