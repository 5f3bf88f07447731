/**
 * How right forecasts are on a real log: rolling origins, each day forecast from the days before it only, by the product and by
 * each model of its family alone; WAPE and bias by class of titles.
 *
 *     node scripts/nightfill.mjs --exec scripts/bench/forecast/accuracy.ts LOG… [--region US,DE] [--sizes titles.csv.gz]
 *         [--warmup-days 7] [--history 56] [--every 1] [--json]
 *
 * Several logs are read as one. Classes are those of the evening before: `new` is first seen less than 21 days ago, `unseen` is what no
 * model of one region can know. `yesterday` and `mean7` are the plain last day and the plain mean of seven days.
 */
import { parseArgs } from 'node:util';
import type { DailyDemand } from '../../../shared/domain/demand.ts';
import { demandTableOf } from '../../../shared/domain/forecasting/demand-table.ts';
import { forecastRegion } from '../../../shared/domain/forecasting/forecast-region.ts';
import { readHistory } from '../../../shared/domain/forecasting/history.ts';
import { addTo, type Days, dateOf, readLog, readSizes } from './daily-log.ts';
import { eachAlone, type Said } from './each-alone.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    region: { type: 'string' },
    sizes: { type: 'string' },
    'warmup-days': { type: 'string', default: '7' },
    history: { type: 'string', default: '56' },
    every: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
/** As the forecast worker reads them. */
const elsewhereDays = 28;
const mostOtherRegions = 16;

interface Cell {
  forecasts: number;
  expected: number;
  actual: number;
  error: number;
  inside: number;
  intervals: number;
}

const sizes = values.sizes ? await readSizes(values.sizes) : null;
const regions = new Map<string, Days>();
for (const path of positionals) {
  for await (const row of readLog(path)) {
    const days = regions.get(row.region) ?? new Map();
    regions.set(row.region, days);
    addTo(days, sizes ? { ...row, amount: row.amount * (sizes.get(row.title) ?? 1) } : row);
  }
}
if (regions.size === 0) throw new RangeError('name a log: accuracy.ts LOG…');

function* rowsOf(days: Days, from: number, until: number): Generator<DailyDemand> {
  for (let day = from; day < until; day += 1) {
    for (const [assetId, bytes] of days.get(day) ?? []) yield { assetId, date: dateOf(day), bytes, views: 1 };
  }
}

function measure(region: string): void {
  const days = regions.get(region);
  if (!days) throw new RangeError(`no row of region ${region} in the log`);
  const first = Math.min(...days.keys());
  const last = Math.max(...days.keys());
  const others = [...regions.keys()]
    .filter((id) => id !== region)
    .sort()
    .slice(0, mostOtherRegions);
  const cells = new Map<string, Map<string, Cell>>();
  const add = (seriesClass: string, model: string, actual: number, { expected, low, high }: Said): void => {
    const ofClass = cells.get(seriesClass) ?? new Map<string, Cell>();
    cells.set(seriesClass, ofClass);
    const cell = ofClass.get(model) ?? { forecasts: 0, expected: 0, actual: 0, error: 0, inside: 0, intervals: 0 };
    ofClass.set(model, cell);
    cell.forecasts += 1;
    cell.expected += expected;
    cell.actual += actual;
    cell.error += Math.abs(expected - actual);
    if (low === undefined || high === undefined) return;
    cell.intervals += 1;
    if (actual >= low && actual <= high) cell.inside += 1;
  };
  let origins = 0;
  let seconds = 0;
  for (let day = first + Number(values['warmup-days']); day <= last; day += Number(values.every)) {
    const came = days.get(day);
    if (!came) continue;
    origins += 1;
    const table = demandTableOf(rowsOf(days, day - Number(values.history), day));
    const elsewhere = demandTableOf(
      others.flatMap((id) => [...rowsOf(regions.get(id) ?? new Map(), day - elsewhereDays, day)]),
    );
    const begun = performance.now();
    const forecast = forecastRegion({
      regionId: region,
      date: dateOf(day),
      history: table,
      elsewhere: { regions: elsewhere.days.size > 0 ? others.length : 0, history: elsewhere },
      madeAt: '',
    });
    seconds += (performance.now() - begun) / 1_000;
    const said = new Map(forecast.assets.map((asset) => [asset.assetId, asset]));
    const seen = new Set<string>();
    for (const { assetId, seriesClass, models } of eachAlone(readHistory(table, dateOf(day)), day)) {
      seen.add(assetId);
      const actual = came.get(assetId) ?? 0;
      const own = said.get(assetId);
      for (const name of [seriesClass, 'all']) {
        for (const [model, expected] of models) add(name, model, actual, { expected });
        add(name, 'nightfill', actual, {
          expected: own?.expectedBytes ?? 0,
          ...(own && { low: own.lowBytes, high: own.highBytes }),
        });
      }
    }
    for (const assetId of new Set([...came.keys(), ...said.keys()])) {
      if (seen.has(assetId)) continue;
      add('unseen', 'nightfill', came.get(assetId) ?? 0, { expected: said.get(assetId)?.expectedBytes ?? 0 });
    }
  }
  const table = [...cells].map(([seriesClass, models]) => ({
    seriesClass,
    models: [...models].map(([model, cell]) => ({
      model,
      share: cell.actual / totalOf(cells),
      wape: cell.error / cell.actual,
      bias: (cell.expected - cell.actual) / cell.actual,
      ...(cell.intervals > 0 && { inside: cell.inside / cell.intervals }),
      forecasts: cell.forecasts,
    })),
  }));
  if (values.json) {
    console.log(JSON.stringify({ region, origins, classes: table }));
    return;
  }
  console.log(`\n${region}: ${origins} origins, ${((seconds / origins) * 1_000).toFixed(0)} ms each`);
  print(table);
}

const totalOf = (cells: ReadonlyMap<string, ReadonlyMap<string, Cell>>): number =>
  ['all', 'unseen'].reduce((sum, name) => sum + (cells.get(name)?.get('nightfill')?.actual ?? 0), 0);

interface Measured {
  readonly seriesClass: string;
  readonly models: readonly { model: string; share: number; wape: number; bias: number; inside?: number }[];
}

/** A line a model, WAPE and bias a class; the product last. */
function print(classes: readonly Measured[]): void {
  const order = ['head', 'torso', 'tail', 'new', 'all', 'unseen'];
  const shown = order.flatMap((name) => classes.filter(({ seriesClass }) => seriesClass === name));
  const models = [...new Set(shown.flatMap(({ models }) => models.map(({ model }) => model)))];
  console.log(
    [
      'model'.padEnd(26),
      ...shown.map(({ seriesClass, models: [one] }) => `${seriesClass} ${percent(one?.share ?? 0)}`.padStart(15)),
    ].join(''),
  );
  for (const name of models) {
    const line = shown.map(({ models }) => {
      const one = models.find(({ model }) => model === name);
      return (one ? `${one.wape.toFixed(3)} ${signed(one.bias)}` : '').padStart(15);
    });
    console.log([name.padEnd(26), ...line].join(''));
  }
  const inside = shown.map(({ models }) => models.find(({ inside }) => inside !== undefined)?.inside);
  console.log(
    [
      'inside the interval'.padEnd(26),
      ...inside.map((one) => (one === undefined ? '' : percent(one)).padStart(15)),
    ].join(''),
  );
}

const percent = (share: number): string => `${(share * 100).toFixed(0)}%`;
const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(3)}`;

for (const region of values.region?.split(',') ?? [...regions.keys()].sort()) measure(region);
