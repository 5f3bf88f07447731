import { type Command, Option } from 'commander';
import type { ForecastScore, ModelChoice } from '../../../shared/domain/fill.ts';
import { openCli } from '../cli.ts';
import { formatBytes, formatCount, formatNumberOf, formatPercent, formatTime } from '../format.ts';
import { withExamples } from '../help.ts';
import { countOption, dateOption } from '../parse.ts';

interface ForecastFlags {
  readonly region: string;
  readonly date?: string;
  readonly limit: number;
}

export function addForecast(program: Command): void {
  const command = program
    .command('forecast')
    .description('show the expected demand of a region, the model and how good it was')
    .requiredOption('--region <id>', 'region')
    .option('--date <date>', 'day on its calendar; by default the one that the coming window prepares', dateOption)
    .addOption(new Option('--limit <n>', 'show at most so many assets').argParser(countOption).default(20))
    .action(async (flags: ForecastFlags, self: Command) => {
      const cli = openCli(self);
      const client = await cli.client();
      const forecast = await client.forecast(flags.region, flags.date, cli.json ? undefined : flags.limit);
      if (cli.json) return cli.document(forecast);
      const { assets, assetCount, score } = forecast;
      cli.facts([
        ['region', forecast.regionId],
        ['day', forecast.date],
        [
          'expected',
          `${formatBytes(forecast.expectedBytes)} in ${formatNumberOf(forecast.expectedViews, 'view')} of ${formatNumberOf(assetCount, 'asset')}`,
        ],
        ['model', `${forecast.model}, made ${formatTime(forecast.madeAt)}`],
        [
          'history',
          forecast.historyUntil
            ? `${formatNumberOf(forecast.historyDays, 'day')}, until ${forecast.historyUntil}`
            : 'none',
        ],
        ['last score', score ? scoreText(score) : 'not yet: the history is too short for a back-test'],
      ]);
      const { choices = [] } = forecast;
      if (choices.length > 0) {
        cli.say();
        cli.table(
          [
            { head: 'MODEL, AND ITS WAPE BY CLASS', shrink: true },
            ...choices.map(({ seriesClass, assets }) => ({
              head: `${seriesClass.toUpperCase()} (${formatCount(assets)})`,
              align: 'right' as const,
            })),
          ],
          modelRows(choices),
        );
        if (choices.some(({ weights }) => weights)) cli.note('× is the weight that a model has in the blend');
        if (choices.some(({ chosen }) => !chosen))
          cli.note(
            `too few past days to weigh models by for ${choices.flatMap((one) => (one.chosen ? [] : [one.seriesClass])).join(', ')}: the usual weights`,
          );
      }
      if (assets.length === 0) return;
      cli.say();
      cli.table(
        [
          { head: 'ASSET', shrink: true },
          { head: 'VIEWS', align: 'right' },
          { head: 'BYTES', align: 'right' },
          { head: 'FROM', align: 'right' },
          { head: 'TO', align: 'right' },
          { head: 'DAYS SEEN', align: 'right' },
          { head: 'MODEL' },
        ],
        assets.map((asset) => [
          asset.assetId,
          formatCount(asset.expectedViews),
          formatBytes(asset.expectedBytes),
          formatBytes(asset.lowBytes),
          formatBytes(asset.highBytes),
          formatCount(asset.observedDays),
          asset.model ?? forecast.model,
        ]),
      );
      if (assetCount > assets.length)
        cli.note(`${formatCount(assetCount - assets.length)} more; see them with --limit`);
    });
  withExamples(command, 'forecast --region eu-berlin', 'forecast --region eu-berlin --date 2026-11-21 --json');
}

/** A line for each model that any class was tried with; empty where it was not. */
function modelRows(choices: readonly ModelChoice[]): string[][] {
  const models = [...new Set(choices.flatMap(({ candidates }) => candidates.map(({ model }) => model)))];
  return models.map((name) => [
    plainName(name),
    ...choices.map(({ model, weights = [], candidates }) => {
      const tried = candidates.find((candidate) => candidate.model === name);
      if (!tried) return '';
      const wape = tried.wape === null ? '–' : formatPercent(tried.wape);
      const weight = weights.find((one) => one.model === name)?.weight;
      if (weight !== undefined) return `${wape} × ${weight.toFixed(2)}`;
      return model === name ? `${wape} (used)` : wape;
    }),
  ]);
}

const plainName = (model: string): string => model.replace(/\/.*/, '');

const scoreText = (score: ForecastScore): string =>
  [
    `WAPE ${formatPercent(score.wape)} (tomorrow like today: ${formatPercent(score.persistenceWape)})`,
    `bias ${score.bias > 0 ? '+' : ''}${formatPercent(score.bias)}`,
    `${formatPercent(score.intervalCoverage)} inside the interval (aim 80%)`,
    `over ${score.backtestDays} days`,
  ].join(', ');
