/** Follows a fill to its end, with a progress line. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Fill, type FillCount, hasEnded } from '../../shared/domain/fill.ts';
import type { Cli } from './cli.ts';
import type { Client } from './client.ts';
import { CliError, exitCodes } from './exit.ts';
import { formatBitRate, formatBytes, formatCount, formatNumberOf, formatPercent, printable } from './format.ts';
import { interruptible } from './interrupt.ts';
import { bar, leftText, makeEstimator } from './progress.ts';

const pollMs = 1_000;
const patienceMs = 60_000;

/** Waits until the fill has ended, or until `isEnough` says so. A short absence of the API is outlived. */
export async function watchFill(
  cli: Cli,
  client: Client,
  begun: Fill,
  isEnough: (fill: Fill) => boolean = () => false,
): Promise<Fill> {
  const line = cli.progress();
  const estimate = makeEstimator();
  try {
    return await interruptible(
      () => `interrupted; fill ${begun.id} goes on, see nightfill fills ${begun.id} --watch`,
      async (signal) => {
        let fill = begun;
        let lastAnswerMs = Date.now();
        while (!hasEnded(fill) && !isEnough(fill)) {
          line.show(`${fill.id}: ${fillText(fill, estimate)}`);
          await delay(pollMs, undefined, { signal });
          try {
            fill = await client.fill(fill.id, signal);
            lastAnswerMs = Date.now();
          } catch (error) {
            const passes =
              error instanceof CliError &&
              [exitCodes.unreachable, exitCodes.serverError].some((code) => code === error.exitCode);
            if (!passes || Date.now() - lastAnswerMs > patienceMs) throw error;
          }
        }
        return fill;
      },
    );
  } finally {
    line.clear();
  }
}

function fillText(fill: Fill, estimate: ReturnType<typeof makeEstimator>): string {
  const { state, planned, pushed, skipped, failed } = fill;
  if (state === 'scheduled' || state === 'planning') return state;
  const done = pushed.bytes + skipped.bytes + failed.bytes;
  const share = planned.bytes > 0 ? done / planned.bytes : 1;
  const { remainingMs } = estimate(Date.now(), done, planned.bytes);
  const failures = failed.files > 0 ? `, ${formatCount(failed.files)} failed` : '';
  const pauses: Partial<Record<Fill['state'], string>> = {
    'paused-window': ', waiting for the window',
    paused: ', paused',
  };
  const pause = pauses[state] ?? leftText(remainingMs);
  return `${bar(share)} ${formatPercent(share)}  ${formatBytes(pushed.bytes)} of ${formatBytes(planned.bytes)} pushed, ${formatBitRate(fill.rateBps)}${pause}${failures}`;
}

const countText = (count: FillCount): string => `${formatBytes(count.bytes)} in ${formatNumberOf(count.files, 'file')}`;

/** What a fill is and did. */
export const fillFacts = (fill: Fill): readonly (readonly [string, string | null])[] => [
  ['fill', fill.id],
  ['region', fill.regionId],
  ['for', fill.run > 1 ? `${fill.date}, run ${fill.run}` : fill.date],
  ['state', fill.state],
  ['message', fill.message === null ? null : printable(fill.message)],
  ['planned', countText(fill.planned)],
  ['pushed', countText(fill.pushed)],
  ['held', fill.skipped.files > 0 ? countText(fill.skipped) : null],
  ['failed', fill.failed.files > 0 ? countText(fill.failed) : null],
];

/** Whether a script that started or watched the fill may go on. */
export const fillExitCode = (fill: Fill): 0 | 1 =>
  hasEnded(fill) && fill.state !== 'completed' ? exitCodes.failed : exitCodes.ok;
