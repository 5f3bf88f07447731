/** Medians of rounds, and how the appliance compares with each of the others. */
import type { LoadResult } from './client.ts';

/** One load on one server. */
export interface Round extends LoadResult {
  readonly server: string;
  readonly cpuSeconds: number;
  /** Requests that reached the server behind it, where that is what is measured. */
  readonly upstreamRequests: number | null;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
};

export interface Summary {
  readonly server: string;
  readonly perSecond: number;
  readonly gigabytesPerSecond: number;
  /** Of processor time of the server: what is left when the client or the machine is the bottleneck. */
  readonly gigabytesPerCpuSecond: number;
  readonly requestsPerCpuSecond: number;
  readonly firstByteP50Ms: number;
  readonly firstByteP99Ms: number;
  readonly lastByteMs: number;
  readonly errors: number;
  readonly upstreamRequests: string;
}

export function summarise(rounds: readonly Round[]): Summary[] {
  const names = [...new Set(rounds.map(({ server }) => server))];
  return names.map((server) => {
    const own = rounds.filter((round) => round.server === server);
    const of = (read: (round: Round) => number) => median(own.map(read));
    return {
      server,
      perSecond: of(({ requests, seconds }) => requests / seconds),
      gigabytesPerSecond: of(({ bytes, seconds }) => bytes / seconds / 1e9),
      gigabytesPerCpuSecond: of(({ bytes, cpuSeconds }) => bytes / cpuSeconds / 1e9),
      requestsPerCpuSecond: of(({ requests, cpuSeconds }) => requests / cpuSeconds),
      firstByteP50Ms: of(({ firstByteMs }) => firstByteMs.p50),
      firstByteP99Ms: of(({ firstByteMs }) => firstByteMs.p99),
      lastByteMs: of(({ lastByteMs }) => lastByteMs),
      errors: own.reduce((sum, { errors }) => sum + errors, 0),
      upstreamRequests: own.map(({ upstreamRequests }) => upstreamRequests ?? '–').join(' '),
    };
  });
}

const columns = [
  'server',
  'req/s',
  'GB/s',
  'GB/cpu-s',
  'req/cpu-s',
  'ttfb p50',
  'ttfb p99',
  'last byte',
  'errors',
  'upstream',
  'ours ÷ (req/s)',
  'ours ÷ (per cpu-s)',
];

export function printTable(row: string, rounds: readonly Round[]): void {
  const summaries = summarise(rounds);
  const ours = summaries.find(({ server }) => server.startsWith('appliance'));
  const ms = (value: number) => (Number.isNaN(value) ? '–' : `${value.toFixed(2)} ms`);
  console.log(`\n### ${row}\n\n| ${columns.join(' | ')} |\n|${columns.map(() => '---|').join('')}`);
  for (const s of summaries) {
    const cells = [
      s.server,
      s.perSecond.toFixed(0),
      s.gigabytesPerSecond.toFixed(2),
      s.gigabytesPerCpuSecond.toFixed(2),
      s.requestsPerCpuSecond.toFixed(0),
      ms(s.firstByteP50Ms),
      ms(s.firstByteP99Ms),
      ms(s.lastByteMs),
      String(s.errors),
      s.upstreamRequests,
      ours ? (ours.perSecond / s.perSecond).toFixed(2) : '–',
      ours ? (ours.requestsPerCpuSecond / s.requestsPerCpuSecond).toFixed(2) : '–',
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
