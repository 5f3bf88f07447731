import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/platform/clock.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { makePortsKit, type PortsKit } from '../../shared/testing/ports-kit.ts';
import { appliance, region } from './testing/builders.ts';
import { bearerOfAppliance, startControl, type TestControl } from './testing/start-control.ts';

const start = Date.parse('2026-11-20T14:00:00Z');
const clock: Clock = { ...systemClock, now: () => start };
let ports: PortsKit;
let control: TestControl;
const call: TestControl['call'] = (...args) => control.call(...args);

beforeAll(async () => {
  ports = await makePortsKit(clock);
  control = await startControl(ports, clock);
  for (const id of ['berlin', 'paris', 'tokyo']) await call('POST', '/v1/regions', region(id));
  await call('POST', '/v1/appliances', appliance('b1', 'berlin'));
});

afterAll(async () => {
  await control.close();
  await ports.dispose();
});

describe('demand', () => {
  const importCsv = (text: string) => call('POST', '/v1/demand', text, { 'content-type': 'text/csv' });
  const exportCsv = async (query: string) => (await call<string>('GET', `/v1/demand?${query}`)).body;

  it('comes out as it went in, hours and whole days alike, and importing it again changes nothing', async () => {
    const table = [
      'hour,region,asset,views,bytes',
      '2026-11-18,berlin,film,40,4000',
      '2026-11-19T07,berlin,film,3,300',
      '2026-11-19T08,berlin,other,1,100',
      '2026-11-19T08,paris,film,2,200',
      '',
    ].join('\n');
    expect((await importCsv(table)).body).toEqual({ rows: 4, regions: 2, days: 2 });
    const range = 'from=2026-11-18&to=2026-11-19';
    expect(await exportCsv(range)).toBe(table);
    expect((await importCsv(await exportCsv(range))).status).toBe(200);
    expect(await exportCsv(range)).toBe(table);
    expect(await exportCsv(`${range}&region=paris`)).toBe(
      'hour,region,asset,views,bytes\n2026-11-19T08,paris,film,2,200\n',
    );
  });

  it('sums a cell that is written twice, wherever in the table', async () => {
    await importCsv(
      'day,bytes,views,asset,region\r\n2026-11-10,10,1,film,berlin\r\n2026-11-11,1,1,film,berlin\r\n2026-11-10,5,1,film,berlin\r\n',
    );
    expect(await exportCsv('region=berlin&from=2026-11-10&to=2026-11-10')).toContain('2026-11-10,berlin,film,2,15\n');
  });

  it('takes nothing when one line is wrong, and names the lines', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => `2026-11-0${i % 2},berlin,film,1,x${i}`);
    const bad = [
      'hour,region,asset,views,bytes',
      '2026-11-01,berlin,film,9,9',
      ...lines,
      '2026-11-01,atlantis,film,1,1',
      'too,few',
    ];
    const { status, body } = await importCsv(bad.join('\n'));
    expect(status).toBe(422);
    expect(body.code).toBe('invalid-demand');
    expect(body.errors).toHaveLength(20);
    expect(body.errors).toContainEqual({
      at: 'line 3',
      message: expect.stringContaining('bytes must be a whole number'),
    });
    expect(body.detail).toContain('32 lines cannot be taken, so nothing was');
    expect(body.detail).toContain('Unknown regions: atlantis; known: berlin, paris, tokyo');
    expect(await exportCsv('from=2026-11-01&to=2026-11-01')).toBe('hour,region,asset,views,bytes\n');
  });

  it('says what the table must look like', async () => {
    expect((await importCsv('a,b\n1,2\n')).body).toMatchObject({
      code: 'invalid-demand',
      detail: expect.stringContaining('hour,region,asset,views,bytes'),
    });
    expect((await importCsv('hour,region,asset,views,bytes\n')).body.detail).toContain('no rows');
    expect((await call('POST', '/v1/demand', { rows: [] })).status).toBe(415);
    expect((await call('GET', '/v1/demand?from=2026-02-30')).status).toBe(400);
    expect((await call('GET', '/v1/demand?region=atlantis')).body.code).toBe('region-not-found');
  });

  it('counts a batch of telemetry once, however often it comes', async () => {
    const batch = {
      batchId: 'b1-0001',
      applianceId: 'b1',
      rows: [{ assetId: 'film', day: '2026-11-20', hour: 13, outcome: 'hit-disk', requests: 5, views: 2, bytes: 500 }],
    };
    const authorization = `Bearer ${bearerOfAppliance('b1')}`;
    for (let i = 0; i < 3; i += 1) {
      expect((await call('POST', '/internal/v1/telemetry', batch, { authorization })).status).toBe(204);
    }
    expect(await exportCsv('region=berlin&from=2026-11-20&to=2026-11-20')).toContain(
      '2026-11-20T13,berlin,film,2,500\n',
    );
    const wrong = { ...batch, batchId: 'b1-0002', rows: [{ ...batch.rows[0], outcome: 'made-up' }] };
    expect((await call('POST', '/internal/v1/telemetry', wrong, { authorization })).status).toBe(400);
    const noDay = { ...batch, batchId: 'b1-0003', rows: [{ ...batch.rows[0], day: '2026-02-30' }] };
    expect(await call('POST', '/internal/v1/telemetry', noDay, { authorization })).toMatchObject({
      status: 400,
      body: { code: 'invalid-request', detail: expect.stringContaining('2026-02-30') },
    });
  });
});
