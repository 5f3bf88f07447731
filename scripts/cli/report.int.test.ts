import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type TestApi } from './testing/api.ts';
import { run } from './testing/run.ts';

const count = { files: 1, bytes: 10 };
const report = {
  fillId: 'eu-2026-11-21',
  regionId: 'eu',
  date: '2026-11-21',
  run: 1,
  state: 'completed',
  startedAt: '2026-11-21T00:00:00.000Z',
  finishedAt: '2026-11-21T00:01:00.000Z',
  durationS: 60,
  planned: count,
  pushed: count,
  skipped: count,
  kept: count,
  failed: count,
  meanRateBps: 1,
  peakRateBps: 1,
  forecastCoverage: 1,
  appliances: [],
  failures: [],
  failureCounts: {},
  actions: [],
  score: null,
};
const equal = { field: 'planned.files', verdict: 'equal', reported: 1, recomputed: 1, reason: null };
const unknown = {
  field: 'peakRateBps',
  verdict: 'not-recomputable',
  reported: 1,
  recomputed: null,
  reason: 'measured while bytes flowed',
};
const verification = {
  regionId: 'eu',
  date: report.date,
  run: 1,
  equal: 1,
  different: 0,
  notRecomputable: 1,
  checks: [equal, unknown],
};
const forecast = {
  schema: 1,
  regionId: 'eu',
  date: report.date,
  model: 'blend-by-class/1',
  madeAt: '2026-11-20T23:00:00.000Z',
  historyUntil: '2026-11-20',
  historyDays: 56,
  expectedViews: 3,
  expectedBytes: 300,
  score: null,
  choices: [
    {
      seriesClass: 'head',
      assets: 1,
      model: 'blend/2 head',
      weights: [
        { model: 'persistence/1', weight: 0.25 },
        { model: 'seasonal-mean/1', weight: 0.75 },
      ],
      chosen: true,
      candidates: [
        { model: 'persistence/1', wape: 0.4, bias: 0 },
        { model: 'seasonal-mean/1', wape: 0.2, bias: 0 },
        { model: 'blend/2', wape: 0.15, bias: 0 },
      ],
    },
  ],
  assets: [
    {
      assetId: 'film',
      expectedViews: 3,
      expectedBytes: 300,
      lowBytes: 200,
      highBytes: 400,
      observedDays: 9,
      model: 'blend/2 head',
    },
  ],
};

/** The same with its curve, a failure and the day's score. */
const full = {
  ...report,
  date: '2026-11-20',
  rateCurve: [
    { atS: 0, bytes: 10 },
    { atS: 50, bytes: 20 },
  ],
  appliances: [
    {
      applianceId: 'e1',
      ...{ planned: count, pushed: count, skipped: count, kept: count, failed: count, evicted: count },
      sources: { peer: count },
      forecastCoverage: 0.25,
    },
  ],
  actions: [{ reason: 'window-ended', files: 1, bytes: 10, appliances: ['e1'], mend: 'Widen the window.' }],
  score: {
    scoredAt: '2026-11-21T05:00:00.000Z',
    servedBytes: 100,
    hitBytes: 60,
    byteHitRatio: 0.6,
    forecastBytes: 90,
    actualBytes: 100,
    wape: 0.1,
    bias: -0.1,
    wastedBytes: 0,
    answers: [
      { outcome: 'hit-disk', requests: 6, bytes: 60 },
      { outcome: 'top-up', requests: 2, bytes: 8_000 },
    ],
    misses: {
      missedBytes: 40,
      classes: {
        'never-forecast': 30,
        'never-planned': 0,
        'planned-late': 10,
        evicted: 0,
        health: 0,
        purge: 0,
        other: 0,
      },
      avoidableBytes: 10,
      refusedRequests: 3,
      failedRequests: 0,
    },
    accuracy: [
      {
        seriesClass: 'head',
        assets: 1,
        forecastBytes: 90,
        actualBytes: 100,
        absoluteErrorBytes: 10,
        wape: 0.1,
        bias: -0.1,
      },
    ],
    calibration: [{ level: 0.8, forecasts: 4, inside: 3, share: 0.75 }],
    savings: {
      tariff: { currency: 'EUR', perGb: 2 },
      pulledBytes: 40,
      filledBytes: 10,
      withoutCost: 20,
      pullCost: 8,
      fillCost: 2,
      saved: 10,
    },
  },
};

const room = {
  share: 0.35,
  key: 'rooms/eu/2026-11-20.json',
  reason: 'It serves more.',
  decision: {
    share: 0.35,
    decidedAt: '2026-11-20T00:00:00.000Z',
    days: 21,
    countedDays: 14,
    requests: 1_000,
    sampledShare: 0.5,
    results: [
      { share: 0.1, byteHitRatio: 0.6, gain: 0, gainError: 0 },
      { share: 0.35, byteHitRatio: 0.65, gain: 0.05, gainError: 0.002 },
    ],
  },
};

let api: TestApi;
let answer: unknown = verification;
beforeAll(async () => {
  api = await startApi((server) => {
    server.get('/v1/regions/eu/pulled-room', async () => room);
    server.get('/v1/regions/eu/forecast', async () => forecast);
    server.get('/v1/regions/eu/fill-reports', async () => ({ items: [report, full], next: null }));
    server.get('/v1/regions/eu/fill-reports/2026-11-21', async () => report);
    server.get('/v1/regions/eu/fill-reports/2026-11-20', async () => full);
    server.get('/v1/regions/eu/fill-reports/2026-11-21/verification', async () => answer);
  });
});
afterAll(() => api.close());

describe('report --verify', () => {
  const args = ['report', '--region', 'eu', '--date', '2026-11-21', '--verify'];

  it('lists every number with its verdict and ends with 0', async () => {
    answer = verification;
    const { code, stdout } = await run(args, { env: api.env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^eu, 2026-11-21: 1 equal, 0 different, 1 not recomputable\n/);
    expect(stdout).toMatch(/peakRateBps +not-recomputable +1 +measured while bytes flowed/);
  });

  it('ends with 1 when a number differs, and has shown it', async () => {
    answer = {
      ...verification,
      equal: 0,
      different: 1,
      checks: [{ ...equal, verdict: 'different', recomputed: 2 }, unknown],
    };
    const people = await run(args, { env: api.env });
    expect(people.code).toBe(1);
    expect(people.stdout).toMatch(/planned\.files +different +1 +2/);
    expect(people.stderr).toMatch(/1 number/);
    const machine = await run(['report', '--region', 'eu', '--verify', '--json'], { env: api.env });
    expect(machine.code).toBe(1);
    expect(JSON.parse(machine.stdout)).toMatchObject([{ different: 1 }]);
  });

  it('goes with no other form of the report', async () => {
    expect((await run([...args, '--csv'], { env: api.env })).code).toBe(2);
  });
});

it('forecast names what each class is blended of with every model’s score, and the model of each asset', async () => {
  const { code, stdout } = await run(['forecast', '--region', 'eu'], { env: api.env });
  expect(code).toBe(0);
  expect(stdout).toMatch(/HEAD \(1\)/);
  expect(stdout).toMatch(/^persistence +40\D* × 0\.25$/m);
  expect(stdout).toMatch(/^seasonal-mean +20\D* × 0\.75$/m);
  expect(stdout).toMatch(/^blend +15\D*$/m);
  expect(stdout).toMatch(/film .* blend\/2 head$/m);
});

it('regions room tells what each share would have served, and which was chosen', async () => {
  const { code, stdout } = await run(['regions', 'room', 'eu'], { env: api.env });
  expect(code).toBe(0);
  expect(stdout).toMatch(/left to pulls +35% of each disk\. It serves more\.$/m);
  expect(stdout).toMatch(/replayed +1,000 requests of 21 days, 14 counted; 50% of the titles$/m);
  expect(stdout).toMatch(/10% +60% +0\.00 +0\.00$/m);
  expect(stdout).toMatch(/35% +65% +5\.00 +0\.20 +chosen$/m);
});

describe('report of one night', () => {
  it('shows the rate over time, what to do, why bytes were missed, and the money', async () => {
    const { code, stdout } = await run(['report', '--region', 'eu', '--date', '2026-11-20'], { env: api.env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/over time +\|▅+ +█+\|/);
    expect(stdout).toMatch(/from +10 B peer/);
    expect(stdout).toContain('window-ended: 1 file, 10 B. Widen the window.');
    expect(stdout).toMatch(/never-forecast +30 B +75% +nobody expected it/);
    expect(stdout).toMatch(/in all +40 B +10 B avoidable/);
    expect(stdout).not.toContain('purge');
    expect(stdout).toMatch(/topped up +7\.81 KiB in 2 slices/);
    expect(stdout).toMatch(/refused +3 requests for their token/);
    expect(stdout).toMatch(/intervals +75% of 4 held \(3\); 80% should/);
    expect(stdout).toMatch(/saved +10\.00 EUR: 20\.00 without, 8\.00 pulled, 2\.00 filled/);
    expect(stdout).toMatch(/head +1 +90 B +100 B +10% +-10%/);
  });

  it('lists what each day was topped up with', async () => {
    const { stdout } = await run(['report', '--region', 'eu', '--list'], { env: api.env });
    expect(stdout).toMatch(/HITS +TOPPED UP$/m);
    expect(stdout).toMatch(/eu +2026-11-20 .* 60% +7\.81 KiB$/m);
  });

  it('says that the day is scored later, and refuses a table that there is not', async () => {
    const { stdout } = await run(['report', '--region', 'eu', '--date', '2026-11-21'], { env: api.env });
    expect(stdout).toContain('known a day later');
    const wrong = await run(['report', '--region', 'eu', '--csv', 'everything'], { env: api.env });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('appliances, curve, numbers');
  });
});
