/**
 * Ends answers whose readers take next to nothing of them, so that they do not keep the places of others.
 *
 * Every answer begins with credit for `graceMs`. While bytes wait for the reader, credit goes down with time and up with
 * every byte that is taken, at the rate of the slowest reader that is waited for; who has none left is cut. So one who
 * pauses is waited with for `graceMs`, one who goes on trickling below the rate not much longer, and whoever is faster
 * for ever. While the appliance is short of memory or places, time counts six times: it takes `graceMs / 6`, or six
 * times the rate. And where there is no place left at all, the answer of one who is half way there ends for whoever comes
 * next.
 */
import type { Metrics } from '../../shared/platform/metrics.ts';
import type { Exchange } from './exchange.ts';

export interface SlowReaders {
  /** The answer was handed over, and its reader has not taken all of it. */
  watch(exchange: Reader): void;
  /** Its answer is over. */
  forget(exchange: Reader): void;
  /** Ends the answer with the least credit, if that is less than half of it; false where there is none. */
  giveUp(): boolean;
  /** Takes stock; called once a second by itself. */
  check(nowMs: number): void;
  stop(): void;
}

type Reader = Pick<Exchange, 'takenBytes' | 'cut'>;

export interface SlowReadersOptions {
  /** Bytes a second; 0: nobody is too slow. */
  readonly slowestBytesPerSecond: number;
  readonly graceMs: number;
  readonly isShort: () => boolean;
  readonly metrics: Metrics;
}

interface Account {
  creditMs: number;
  takenBytes: number | null;
}

const everyMs = 1_000;
/** A process that had no time itself must not hold it against its readers. */
const longestStepMs = 2 * everyMs;
const shortFactor = 6;

export function makeSlowReaders(options: SlowReadersOptions): SlowReaders {
  const { slowestBytesPerSecond, graceMs, isShort, metrics } = options;
  const accounts = new Map<Reader, Account>();
  const cuts = metrics.counter('nightfill_slow_readers_cut_total', 'Answers ended because they were hardly read.');
  /** Those with less than half their credit when stock was taken last, the least behind. */
  let late: { readonly exchange: Reader; readonly account: Account }[] = [];
  let checkedMs = performance.now();

  function check(nowMs: number): void {
    const stepMs = Math.min(longestStepMs, nowMs - checkedMs) * (isShort() ? shortFactor : 1);
    checkedMs = nowMs;
    late = [];
    for (const [exchange, account] of accounts) {
      const before = account.takenBytes;
      account.takenBytes = exchange.takenBytes();
      // It waits for bytes rather than we for it.
      if (account.takenBytes === null || before === null) continue;
      const earnedMs = ((account.takenBytes - before) * 1_000) / slowestBytesPerSecond;
      account.creditMs = Math.min(graceMs, account.creditMs + earnedMs - stepMs);
      if (account.creditMs < 0) cut(exchange);
      else if (account.creditMs < graceMs / 2) late.push({ exchange, account });
    }
    late.sort((a, b) => b.account.creditMs - a.account.creditMs);
  }

  function cut(exchange: Reader): void {
    accounts.delete(exchange);
    cuts.inc();
    exchange.cut();
  }

  function giveUp(): boolean {
    for (let next = late.pop(); next; next = late.pop()) {
      // Most are over by themselves before they are needed.
      if (accounts.get(next.exchange) !== next.account) continue;
      cut(next.exchange);
      return true;
    }
    return false;
  }

  const timer = slowestBytesPerSecond > 0 ? setInterval(() => check(performance.now()), everyMs).unref() : undefined;
  return {
    watch: (exchange) => void accounts.set(exchange, { creditMs: graceMs, takenBytes: exchange.takenBytes() }),
    forget: (exchange) => void accounts.delete(exchange),
    giveUp,
    check,
    stop: () => clearInterval(timer),
  };
}
