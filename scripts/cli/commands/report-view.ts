/** How one report is shown to people: the night first, then the day that it was for. */
import { topUpOutcome } from '../../../shared/domain/demand.ts';
import { type FillReport, fillSources } from '../../../shared/domain/fill.ts';
import { resample } from '../../../shared/domain/rate-curve.ts';
import { heldBefore } from '../../../shared/domain/reporting/fill-report.ts';
import { type AnswerSum, type FillScore, missClasses } from '../../../shared/domain/score.ts';
import type { Cli } from '../cli.ts';
import type { ReportDetail } from '../client.ts';
import {
  formatBitRate,
  formatBytes,
  formatCount,
  formatDuration,
  formatNumberOf,
  formatPercent,
  formatTime,
  printable,
} from '../format.ts';

const sparkColumns = 48;
const sparks = '▁▂▃▄▅▆▇█';

/** The rate over the fill's time, the highest column its best. */
export function sparkline({ rateCurve = [], durationS }: Pick<FillReport, 'rateCurve' | 'durationS'>): string {
  const rates = resample(rateCurve, durationS, sparkColumns);
  const best = Math.max(...rates, 1);
  return rates.map((rate) => (rate === 0 ? ' ' : sparks[Math.min(7, Math.floor((rate / best) * 8))])).join('');
}

const share = (value: number | null): string => (value === null ? 'nothing to tell by' : formatPercent(value));
const signed = (value: number | null): string =>
  value === null ? '' : `${value > 0 ? '+' : ''}${formatPercent(value)}`;

export function showReport(cli: Cli, report: ReportDetail): void {
  const { score } = report;
  cli.facts([
    ['report', `${report.regionId}, ${report.date}${report.run > 1 ? `, run ${report.run}` : ''}: ${report.state}`],
    [
      'time',
      `${formatTime(report.startedAt)} to ${formatTime(report.finishedAt)}, ${formatDuration(report.durationS * 1_000)}`,
    ],
    ['planned', `${formatBytes(report.planned.bytes)} in ${formatNumberOf(report.planned.files, 'file')}`],
    ['pushed', `${formatBytes(report.pushed.bytes)} in ${formatNumberOf(report.pushed.files, 'file')}`],
    [
      'held',
      `${formatBytes(heldBefore(report).bytes)} in ${formatNumberOf(heldBefore(report).files, 'file')}, there already`,
    ],
    ['failed', `${formatBytes(report.failed.bytes)} in ${formatNumberOf(report.failed.files, 'file')}`],
    ['rate', `${formatBitRate(report.meanRateBps)} mean, ${formatBitRate(report.peakRateBps)} peak`],
    ['over time', report.rateCurve ? `|${sparkline(report)}|` : null],
    ['from', sourcesText(report)],
    ['covers', `${formatPercent(report.forecastCoverage)} of what the day is expected to ask for`],
    [
      'served',
      score
        ? score.servedBytes > 0
          ? `${formatBytes(score.servedBytes)}, ${formatPercent(score.byteHitRatio)} from the edges’ own disks`
          : 'nothing'
        : 'known a day later',
    ],
    [
      'forecast',
      score
        ? `${formatBytes(score.forecastBytes)} expected, ${formatBytes(score.actualBytes)} came${score.wape === null ? '' : `, WAPE ${formatPercent(score.wape)}`}`
        : null,
    ],
    [
      'wasted',
      score
        ? score.use
          ? `${formatBytes(score.use.unusedBytes)} of ${formatBytes(score.use.pushedBytes)} pushed were never asked for`
          : `${formatBytes(score.wastedBytes)} pushed that nobody asked for`
        : null,
    ],
  ]);
  cli.say();
  cli.table(
    [
      { head: 'APPLIANCE' },
      { head: 'PLANNED', align: 'right' },
      { head: 'PUSHED', align: 'right' },
      { head: 'HELD', align: 'right' },
      { head: 'FAILED', align: 'right' },
      { head: 'EVICTED', align: 'right' },
      { head: 'COVERS', align: 'right' },
      { head: 'HITS', align: 'right' },
    ],
    report.appliances.map(({ applianceId, planned, pushed, failed, evicted, forecastCoverage, ...held }) => {
      const use = score?.use?.appliances.find((one) => one.applianceId === applianceId);
      return [
        applianceId,
        ...[planned, pushed, heldBefore(held), failed, evicted].map(({ bytes }) => formatBytes(bytes)),
        forecastCoverage === undefined ? '' : formatPercent(forecastCoverage),
        use ? share(use.byteHitRatio) : '',
      ];
    }),
  );
  showFailures(cli, report);
  if (score) showScore(cli, score);
}

function sourcesText({ appliances }: FillReport): string | null {
  const parts = fillSources.flatMap((source) => {
    const bytes = appliances.reduce((sum, { sources }) => sum + (sources?.[source]?.bytes ?? 0), 0);
    return bytes > 0 ? [`${formatBytes(bytes)} ${source}`] : [];
  });
  return parts.length > 0 ? parts.join(', ') : null;
}

function showFailures(cli: Cli, { actions, failures, failureCounts }: ReportDetail): void {
  if (actions.length > 0) {
    cli.say();
    for (const { reason, files, bytes, mend } of actions) {
      cli.say(`${reason}: ${formatNumberOf(files, 'file')}, ${formatBytes(bytes)}. ${mend}`);
    }
  }
  const counts = Object.entries(failureCounts);
  if (failures.length === 0 && counts.length === 0) return;
  cli.say();
  cli.table(
    [{ head: 'FAILED ON' }, { head: 'FILE', shrink: true }, { head: 'REASON' }, { head: 'DETAIL', shrink: true }],
    failures.map(({ applianceId, key, reason, detail, heldBy }) => [
      applianceId,
      key,
      reason,
      `${printable(detail)}${heldBy === undefined ? '' : ` (${heldBy} took it)`}`,
    ]),
  );
  if (counts.length > 0)
    cli.say(`and more: ${counts.map(([reason, count]) => `${formatCount(count)} ${reason}`).join(', ')}`);
}

const missWords = {
  'never-forecast': 'nobody expected it',
  'never-planned': 'expected, and left out of the plan',
  'planned-late': 'planned, and not there yet',
  evicted: 'given up for something else',
  health: 'its appliance was down, drained, slow or full',
  purge: 'deleted, or a version that had just come',
  other: 'damaged on a disk',
} as const;

/** What appliances fetched that day before anybody asked; undefined where they fetched nothing so. */
export const topUpsOf = ({ answers = [] }: FillScore): AnswerSum | undefined =>
  answers.find(({ outcome }) => outcome === topUpOutcome);

function showScore(cli: Cli, score: FillScore): void {
  const { use, misses, regret, accuracy = [], calibration = [], savings } = score;
  const topUps = topUpsOf(score);
  cli.say();
  cli.facts([
    ['the day', `scored ${formatTime(score.scoredAt)}`],
    [
      'filled bytes',
      use
        ? `${share(use.filledShare)} of the bytes served; ${use.servedPerPushedByte === null ? 'nothing was pushed' : `${use.servedPerPushedByte.toFixed(2)} bytes served for each pushed`}`
        : 'not told apart by these appliances',
    ],
    ['topped up', topUps ? `${formatBytes(topUps.bytes)} in ${formatNumberOf(topUps.requests, 'slice')}` : null],
    ['planned bytes', use ? `${share(use.plannedShare)} of the bytes served, filled or kept` : null],
    ['refused', misses ? `${formatNumberOf(misses.refusedRequests, 'request')} for their token` : null],
    ['failed', misses ? `${formatNumberOf(misses.failedRequests, 'request')} that no source could answer` : null],
    [
      'regret',
      regret
        ? `${formatPercent(regret.regret)} of demand: held ${formatPercent(regret.asHeld)}, clairvoyant ${formatPercent(regret.clairvoyant)} in the same ${formatBytes(regret.budgetBytes)}`
        : null,
    ],
    [
      'others',
      regret
        ? `the forecast alone ${formatPercent(regret.forecast)}, yesterday ${formatPercent(regret.persistence)}, mean of 7 days ${formatPercent(regret.mean7)}`
        : null,
    ],
    ...calibration.map(({ level, inside, forecasts, share: held }): [string, string] => [
      'intervals',
      `${share(held)} of ${formatCount(forecasts)} held (${formatCount(inside)}); ${formatPercent(level)} should`,
    ]),
    [
      'saved',
      savings
        ? `${savings.saved.toFixed(2)} ${savings.tariff.currency}: ${savings.withoutCost.toFixed(2)} without, ${savings.pullCost.toFixed(2)} pulled, ${savings.fillCost.toFixed(2)} filled${savings.savedByFill === undefined ? '' : `; the fill’s own part ${savings.savedByFill.toFixed(2)}`}`
        : savings === null
          ? 'unknown: set a price with nightfill regions set --tariff'
          : null,
    ],
  ]);
  if (misses && misses.missedBytes > 0) {
    cli.say();
    cli.table(
      [{ head: 'MISSED' }, { head: 'BYTES', align: 'right' }, { head: 'SHARE', align: 'right' }, { head: 'WHY' }],
      [
        ...missClasses
          .filter((name) => misses.classes[name] > 0)
          .map((name) => [
            name,
            formatBytes(misses.classes[name]),
            formatPercent(misses.classes[name] / misses.missedBytes),
            missWords[name],
          ]),
        ['in all', formatBytes(misses.missedBytes), '', `${formatBytes(misses.avoidableBytes)} avoidable`],
      ],
    );
  }
  if (accuracy.length === 0) return;
  cli.say();
  cli.table(
    [
      { head: 'POPULARITY' },
      { head: 'TITLES', align: 'right' },
      { head: 'EXPECTED', align: 'right' },
      { head: 'CAME', align: 'right' },
      { head: 'WAPE', align: 'right' },
      { head: 'BIAS', align: 'right' },
    ],
    accuracy.map(({ seriesClass, assets, forecastBytes, actualBytes, wape, bias }) => [
      seriesClass,
      formatCount(assets),
      formatBytes(forecastBytes),
      formatBytes(actualBytes),
      wape === null ? '' : formatPercent(wape),
      signed(bias),
    ]),
  );
}
