/** Any night of which a part was carried out, and any day after it, for scores. */
import fc from 'fast-check';
import { type AnswerTotal, byteCauses, type DemandRow, type ServiceRow, topUpOutcome } from '../domain/demand.ts';
import type { ApplianceFillResult, Fill, FillFailure, FillPlan, FillReport } from '../domain/fill.ts';
import { collectDay } from '../domain/reporting/day-inputs.ts';
import { buildFillReport, countFiles, noCount, totalsOf } from '../domain/reporting/fill-report.ts';
import { scoreFill } from '../domain/reporting/fill-score.ts';
import { addDays } from '../domain/time/local-time.ts';
import { appliance, empty, forecastOf, inventoryOf, plan as planOf, version } from './plan-case.ts';

const date = '2026-11-21';
export const scoredDate = date;
const scoredAt = '2026-11-22T05:00:00.000Z';
const ids = Array.from({ length: 8 }, (_, index) => `a${index}`);

/** A night of which a part was carried out, and the day after it. */
export const anyDay = fc
  .record({
    sizes: fc.array(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 6,
    }),
    expected: fc.array(fc.nat(1e6), { minLength: 8, maxLength: 8 }),
    actual: fc.array(fc.nat(1e6), { minLength: 8, maxLength: 8 }),
    before: fc.array(fc.nat(1e6), { minLength: 8, maxLength: 8 }),
    capacities: fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 3 }),
    heldBefore: fc.boolean(),
    arrives: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    rows: fc.array(
      fc.record({
        asset: fc.nat(7),
        at: fc.nat(2),
        hour: fc.nat(22),
        cause: fc.constantFrom(...byteCauses),
        bytes: fc.nat(1e6),
        firstUseBytes: fc.nat(50_000),
      }),
      { maxLength: 40 },
    ),
    refused: fc.nat(9),
    /** How far viewers get; null where nothing is known of it. */
    curve: fc.option(fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 20, maxLength: 20 })),
  })
  .map((c) => {
    const versions = c.sizes.map((list, index) => version(`a${index}`, { v: list }));
    const demand = Object.fromEntries(c.sizes.map((_, index) => [`a${index}`, c.expected[index] ?? 0]));
    const inventory = c.heldBefore ? versions.slice(0, 1).flatMap(inventoryOf) : [];
    const plan = planOf({
      versions,
      demand,
      appliances: c.capacities.map((bytes, index) => ({
        ...empty(appliance(`e${index}`, bytes)),
        inventory: inventory.reduce((sum, one) => sum + one.heldBytes, 0) <= bytes ? inventory : [],
      })),
    });
    const report = carriedOut(plan, c.arrives);
    const service = c.rows.map(
      (row): ServiceRow => ({
        day: date,
        hour: row.hour,
        assetId: `a${row.asset}`,
        applianceId: `e${row.at}`,
        cause: row.cause,
        bytes: row.bytes,
        firstUseBytes: row.firstUseBytes,
      }),
    );
    const answers: AnswerTotal[] = [
      { day: date, hour: 3, applianceId: 'e0', outcome: 'denied-expired', requests: c.refused, bytes: 0 },
      { day: date, hour: 3, applianceId: 'e0', outcome: 'pull-origin', requests: 2, bytes: 500 },
      { day: date, hour: 3, applianceId: 'e0', outcome: topUpOutcome, requests: 7, bytes: 9_000 },
    ];
    const row = (assetId: string, day: string, bytes: number): DemandRow => ({
      regionId: 'r',
      assetId,
      day,
      hour: 12,
      views: 1,
      bytes,
    });
    const logs = {
      async *read() {
        for (const [at, id] of ids.entries()) {
          yield row(id, addDays(date, -1), c.before[at] ?? 0);
          yield row(id, date, c.actual[at] ?? 0);
        }
      },
      async *service() {
        yield { service, answers };
      },
      outcomes: async () => [],
    };
    const audience = c.curve && { days: 7, hours: 100, curve: c.curve, mix: {}, assets: [] };
    const forecast = { ...forecastOf(demand), ...(audience && { audience }) };
    return { plan, forecast, logs, service, ...report, refused: c.refused };
  });

export function carriedOut(
  plan: FillPlan,
  arrives: readonly boolean[],
): { readonly report: FillReport; readonly fill: Fill } {
  const held = new Map<string, Set<string>>();
  const failures: FillFailure[] = [];
  const pushedByAsset: Record<string, number> = {};
  const appliances = plan.appliances.map(({ applianceId, keep, fetch }): ApplianceFillResult => {
    const came = [...fetch].filter((_, at) => arrives[at % arrives.length]);
    const left = [...fetch].filter((_, at) => !arrives[at % arrives.length]);
    held.set(applianceId, new Set([...keep, ...came].map(({ key }) => key)));
    for (const { assetId, sizeBytes } of came) pushedByAsset[assetId] = (pushedByAsset[assetId] ?? 0) + sizeBytes;
    for (const { key, sizeBytes } of left)
      failures.push({ applianceId, key, sizeBytes, reason: 'window-ended', detail: 'over' });
    const counts = { planned: countFiles(fetch), pushed: countFiles(came), failed: countFiles(left) };
    return { applianceId, ...counts, skipped: noCount, evicted: noCount };
  });
  const sentBytes = Object.values(pushedByAsset).reduce((sum, bytes) => sum + bytes, 0);
  const rateCurve = sentBytes > 0 ? [{ atS: 0, bytes: sentBytes }] : [];
  const times = {
    startedAt: `${date}T00:00:00.000Z`,
    finishedAt: `${date}T00:00:30.000Z`,
    state: 'incomplete' as const,
  };
  const report = buildFillReport(plan, {
    ...times,
    appliances,
    failures,
    held,
    pushedByAsset,
    meanRateBps: 0,
    peakRateBps: 0,
    rateCurve,
    sentBytes,
  });
  const fill: Fill = {
    id: plan.id,
    regionId: 'r',
    date,
    run: 1,
    start: 'window',
    createdAt: times.startedAt,
    ...times,
    message: null,
    ...totalsOf(appliances),
    rateBps: 0,
    appliances,
    sentBytes,
    rateCurve,
  };
  return { report, fill };
}

type Day = typeof anyDay extends fc.Arbitrary<infer T> ? T : never;
export const tariff = { currency: 'EUR', perGb: 2, nightPerGb: 0.5 };
export async function scored({ plan, forecast, report, logs }: Pick<Day, 'plan' | 'forecast' | 'report' | 'logs'>) {
  const inputs = await collectDay(logs, { regionId: 'r', date, timeZone: 'Europe/Berlin', reports: [report] });
  return scoreFill({ scoredAt, report, plan, forecast, inputs, tariff });
}
