/** Runs policies over a trace and gives the document that `simulate --json` prints. */
import { type PolicyName, policies } from '../../shared/domain/simulation/policies.ts';
import { replay } from '../../shared/domain/simulation/replay.ts';
import { type Selection, selectRegion, type Trace } from '../../shared/domain/simulation/trace.ts';

/** A share of the region's distinct bytes, or bytes. */
export type Capacity = { readonly share: number } | { readonly bytes: number };

export interface PolicyReport {
  readonly policy: PolicyName;
  /** Of the requests after the warm-up. */
  readonly byteHitRatio: number;
  readonly objectHitRatio: number;
  /** Everything that crossed into the region: pulled for viewers and pushed. */
  readonly upstreamBytes: number;
  readonly peakUpstreamBps: number;
  readonly fillBytes: number;
  readonly wastedFillBytes: number;
  readonly churnBytes: number;
  /** Time of the replay, on this machine. */
  readonly seconds: number;
}

export interface SimulationReport {
  readonly trace: string;
  /** Null: all requests as those of one region. */
  readonly region: string | null;
  readonly capacityBytes: number;
  /** Requests replayed, warm-up and all; `countedRequests` of them came after it. */
  readonly requests: number;
  readonly countedRequests: number;
  readonly servedBytes: number;
  readonly distinctBytes: number;
  readonly warmupDays: number;
  readonly policies: readonly PolicyReport[];
}

export interface SimulationInput {
  readonly traceName: string;
  readonly trace: Trace;
  /** Null, or the only entry null: all requests as those of one region. */
  readonly regions: readonly (string | null)[];
  readonly capacities: readonly Capacity[];
  readonly policies: readonly PolicyName[];
  readonly warmupDays: number;
  /** Told before each replay. */
  readonly onStart?: (policy: PolicyName, region: string | null, capacityBytes: number) => void;
}

/**
 * One report for each region and capacity, as they are made.
 *
 * @throws RangeError for a region without requests.
 */
export function* simulate(input: SimulationInput): Generator<SimulationReport> {
  for (const region of input.regions) {
    const selection = selectRegion(input.trace, region);
    for (const capacity of input.capacities) yield reportOf(input, selection, region, bytesOf(capacity, selection));
  }
}

function reportOf(
  { traceName, policies: names, warmupDays, onStart }: SimulationInput,
  selection: Selection,
  region: string | null,
  capacityBytes: number,
): SimulationReport {
  let countedRequests = 0;
  let servedBytes = 0;
  const reports = names.map((policy): PolicyReport => {
    onStart?.(policy, region, capacityBytes);
    const from = process.hrtime.bigint();
    const result = replay(selection, policies[policy], { capacityBytes, warmupDays });
    const seconds = Number(process.hrtime.bigint() - from) / 1e9;
    countedRequests = result.countedRequests;
    servedBytes = result.servedBytes;
    return {
      policy,
      byteHitRatio: round(result.byteHitRatio, 6),
      objectHitRatio: round(result.objectHitRatio, 6),
      upstreamBytes: result.upstreamBytes,
      peakUpstreamBps: result.peakUpstreamBps,
      fillBytes: result.fillBytes,
      wastedFillBytes: result.wastedFillBytes,
      churnBytes: result.churnBytes,
      seconds: round(seconds, 3),
    };
  });
  return {
    trace: traceName,
    region,
    capacityBytes,
    requests: selection.positions.length,
    countedRequests,
    servedBytes,
    distinctBytes: selection.distinctBytes,
    warmupDays,
    policies: reports,
  };
}

const bytesOf = (capacity: Capacity, { distinctBytes }: Selection): number =>
  Math.floor('share' in capacity ? distinctBytes * capacity.share : capacity.bytes);

const round = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;
