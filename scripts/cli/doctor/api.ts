/** Checks of the running system, by what it says of itself. */
import type { ApplianceView } from '../../../shared/domain/fleet.ts';
import type { Cli } from '../cli.ts';
import type { SystemStatus } from '../client.ts';
import { CliError } from '../exit.ts';
import { formatCount, formatDuration, printable } from '../format.ts';
import { take } from '../take.ts';
import { ApiError } from '../transport.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Tokens live for hours and telemetry is counted by hours: so much does no harm. */
const skewMs = 2_000;
const badSkewMs = 60_000;

export async function apiFindings(cli: Pick<Cli, 'access' | 'client'>): Promise<Finding[]> {
  let url: string;
  try {
    const access = await cli.access();
    url = `${access.apiUrl} (from ${access.source})`;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return [fail('api', error.message, 'start it with npm start')];
  }
  try {
    const client = await cli.client();
    const askedMs = Date.now();
    const status = await client.status();
    const answeredMs = Date.now();
    const { items: appliances } = await take(client.appliances());
    return [
      ok('api', url),
      ok('key', 'is accepted'),
      clockFinding(Date.parse(status.at), askedMs, answeredMs),
      ...partFindings(status),
      ...jobFindings(status),
      ...applianceFindings(appliances),
    ];
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    if (error instanceof ApiError && (error.status === 401 || error.status === 403))
      return [
        ok('api', url),
        fail('key', error.message, 'set NIGHTFILL_API_KEY to the key that the API was started with'),
      ];
    return [fail('api', error.message, 'see that it runs; its log says why if it does not')];
  }
}

/** The API's time lies between asking and answering; only what is beyond that is a difference of clocks. */
function clockFinding(theirsMs: number, askedMs: number, answeredMs: number): Finding {
  const offMs = theirsMs < askedMs ? askedMs - theirsMs : Math.max(0, theirsMs - answeredMs);
  const mend = 'set both clocks by NTP: playback tokens and fill windows depend on them';
  if (offMs >= badSkewMs) return fail('clock', `${formatDuration(offMs)} apart from the API’s`, mend);
  return offMs >= skewMs
    ? warn('clock', `${formatDuration(offMs)} apart from the API’s`, mend)
    : ok('clock', 'agrees with the API’s');
}

const partFindings = ({ checks }: SystemStatus): Finding[] =>
  Object.entries(checks).map(([name, state]) =>
    state === 'ok'
      ? ok(name, 'answers')
      : fail(name, printable(state), 'see that it runs and that its settings are right'),
  );

function jobFindings({ jobs }: SystemStatus): Finding[] {
  if (!jobs) return [fail('jobs', 'the queue cannot be asked', 'see that Redis runs')];
  const failed = Object.entries(jobs).filter(([, counts]) => counts.failed > 0);
  if (failed.length === 0) return [ok('jobs', 'none failed')];
  return failed.map(([name, counts]) =>
    warn(
      'jobs',
      `${formatCount(counts.failed)} of ${name} failed`,
      'see the worker’s log; fills and assets carry the reason too',
    ),
  );
}

function applianceFindings(appliances: readonly ApplianceView[]): Finding[] {
  if (appliances.length === 0) return [warn('appliances', 'there are none', 'add one with nightfill appliances add')];
  return appliances.map(({ id, mode, health, status }) => {
    const check = `appliance ${id}`;
    if (mode !== 'active')
      return warn(check, `${mode}, ${health}`, `take it back with nightfill appliances set ${id} --mode active`);
    if (health === 'healthy' && status?.diskTrouble)
      return warn(
        check,
        `healthy, but ${printable(status.diskTrouble)}`,
        'see the system’s log and mend or replace the disk; until then it passes on what it cannot keep',
      );
    const resting = status?.restingUpstreams ?? [];
    if (health === 'healthy' && resting.length > 0)
      return warn(
        check,
        `healthy, but leaves ${resting.map(printable).join(', ')} alone, which kept failing`,
        'see that these answer, and that it can reach them',
      );
    if (health === 'healthy') return ok(check, 'healthy');
    if (health === 'unfit')
      return warn(check, `unfit: ${printable(status?.unfitReason ?? 'no reason given')}`, 'see its log');
    return fail(
      check,
      health === 'silent' ? `silent since ${status?.reportedAt ?? 'long'}` : 'was never seen',
      'start it, and see that it reaches control with its credential',
    );
  });
}
