import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TelemetryBatch } from '../../shared/domain/demand.ts';
import { makeLogger } from '../../shared/platform/logger.ts';
import { type ControlClient, ControlRefusal } from './control-client.ts';
import { makeTelemetry } from './telemetry.ts';
import { openTelemetrySpool } from './telemetry-spool.ts';

let dir: string;
let nowMs = Date.parse('2026-11-20T23:59:59Z');
let refuse: Error | null = null;
let taken: TelemetryBatch[] = [];
const control: Pick<ControlClient, 'telemetry'> = {
  telemetry: async (batch) => {
    if (refuse) throw refuse;
    taken.push(batch);
  },
};

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nightfill-spool-'));
  nowMs = Date.parse('2026-11-20T23:59:59Z');
  refuse = null;
  taken = [];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function open(maxBatches?: number) {
  const spool = await openTelemetrySpool(dir, maxBatches);
  const clock = { now: () => nowMs, sleep: async () => {} };
  const logger = makeLogger('test', 'silent');
  const telemetry = makeTelemetry({
    applianceId: 'edge-1',
    clock,
    control,
    spool,
    logger,
  });
  const count = (assetId: string, bytes = 10) =>
    telemetry.count({ assetId, outcome: 'hit-disk', requests: 1, views: 0, bytes, origin: null });
  return { spool, telemetry, count };
}

describe('telemetry', () => {
  it('sums by asset, outcome and hour, and sends each sum once', async () => {
    const { telemetry, count } = await open();
    count('a');
    count('a', 5);
    count('b');
    nowMs += 2_000;
    count('a');
    await telemetry.flush();
    await telemetry.flush();
    const row = { outcome: 'hit-disk', views: 0 };
    expect(taken.flatMap(({ rows }) => rows)).toEqual([
      { ...row, assetId: 'a', day: '2026-11-20', hour: 23, requests: 2, bytes: 15 },
      { ...row, assetId: 'b', day: '2026-11-20', hour: 23, requests: 1, bytes: 10 },
      { ...row, assetId: 'a', day: '2026-11-21', hour: 0, requests: 1, bytes: 10 },
    ]);
  });

  it('waits on disk while control is away, in order, through a restart', async () => {
    refuse = new Error('connection refused');
    const first = await open();
    for (const asset of ['a', 'b', 'c']) {
      first.count(asset);
      await first.telemetry.flush();
    }
    expect(taken).toEqual([]);
    const again = await open();
    expect(again.spool.size).toBe(3);
    refuse = null;
    await again.telemetry.flush();
    expect(taken.map(({ rows }) => rows[0]?.assetId)).toEqual(['a', 'b', 'c']);
    expect(new Set(taken.map(({ batchId }) => batchId)).size).toBe(3);
    expect(again.spool.size).toBe(0);
  });

  it('is bounded: the oldest goes first', async () => {
    refuse = new Error('connection refused');
    const { telemetry, spool, count } = await open(3);
    for (const asset of ['a', 'b', 'c', 'd', 'e']) {
      count(asset);
      await telemetry.flush();
    }
    refuse = null;
    await telemetry.flush();
    expect(taken.map(({ rows }) => rows[0]?.assetId)).toEqual(['c', 'd', 'e']);
    expect(spool.dropped).toBe(2);
  });

  it('is not held up by a batch that control will never take, nor by a damaged file', async () => {
    await writeFile(join(dir, '000000000001.json'), '{"half');
    const { telemetry, spool, count } = await open();
    count('a');
    refuse = new ControlRefusal(400, 'no such form');
    await telemetry.flush();
    expect(spool.size).toBe(0);
    count('b');
    refuse = new ControlRefusal(404, 'no such appliance');
    await telemetry.flush();
    expect(spool.size).toBe(1);
  });

  it('knows a session by its id and asset', async () => {
    const { telemetry } = await open();
    expect(telemetry.isNewSession('s', 'a')).toBe(true);
    expect(telemetry.isNewSession('s', 'a')).toBe(false);
    expect(telemetry.isNewSession('s', 'b')).toBe(true);
    expect(telemetry.isNewSession('t', 'a')).toBe(true);
  });
});
