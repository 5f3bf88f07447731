/**
 * One question to the upstreams, until one of them has given the right bytes.
 *
 * They are asked one after the other, in order. When the one that is asked is slower than it uses to be, the next is
 * asked as well, once, within the budget of hedges; who is first with the right bytes wins, the other is cancelled. When
 * all have failed, one that refused at once is asked a second time, within the budget of retries. So no upstream gets
 * more than one request for a question, but for those that the budgets allow.
 */
import type { Clock } from '../../../shared/ports/clock.ts';
import { type Attempt, PullError, type PullSource } from '../upstream.ts';
import { type Health, type HealthTable, noteTimes, patienceForBody, patienceForHead } from './health.ts';
import type { PullReport } from './report.ts';
import { makeShareBudget } from './share-budget.ts';

export interface Question<T> {
  readonly key: string;
  /** In the order to ask. */
  readonly sources: readonly PullSource[];
  /** About as many bytes as the answer has. */
  readonly sizeBytes: number;
  /** Gives everything up. */
  readonly signal: AbortSignal;
  /** @throws PullError */
  readonly ask: (source: PullSource, attempt: Attempt) => Promise<{ readonly value: T; readonly bytes: number }>;
  /** How much of the furthest answer is here. */
  readonly onProgress: (arrivedBytes: number) => void;
}

export interface Answered<T> {
  readonly value: T;
  readonly source: PullSource;
  /** What it took besides asking. */
  readonly how: 'retried' | 'hedged' | null;
}

export interface Asker {
  /** @throws PullError the last that went wrong; the signal's reason when that aborts. */
  answer<T>(question: Question<T>): Promise<Answered<T>>;
  readonly health: HealthTable;
}

export interface AskerDeps {
  readonly clock: Clock;
  readonly health: HealthTable;
  readonly report: PullReport;
}

const windowMs = 10_000;
/** For upstreams whose times are not known yet. */
const unknownPatienceMs = 1_500;
const backoffMs = 60;
/** Whoever waited this long is told; asking again would make them wait as long once more. */
const noRetryAfterMs = 1_000;

export function makeAsker({ clock, health, report }: AskerDeps): Asker {
  const now = () => clock.now();
  const hedges = makeShareBudget({ share: 0.05, least: 4, windowMs, now });
  const retries = makeShareBudget({ share: 0.1, least: 6, windowMs, now });

  function answer<T>({ key, sources, sizeBytes, signal, ask, onProgress }: Question<T>): Promise<Answered<T>> {
    const { promise, resolve, reject } = Promise.withResolvers<Answered<T>>();
    const over = new AbortController();
    const waiting = [...sources];
    const startedMs = now();
    /** Refused at once: worth asking again. */
    const refused: PullSource[] = [];
    let worst: PullError | null = null;
    let open = 0;
    let isHedged = false;
    let isRetry = false;

    function end(): boolean {
      if (over.signal.aborted) return false;
      over.abort();
      signal.removeEventListener('abort', abandon);
      return true;
    }
    function abandon(): void {
      if (end()) reject(signal.reason);
    }
    const fail = (error: unknown): void => {
      if (end()) reject(error);
    };

    async function walk(asHedge: boolean): Promise<void> {
      open += 1;
      for (let source = waiting.shift(); source && !over.signal.aborted; source = waiting.shift())
        await askOne(source, asHedge);
      open -= 1;
      if (open === 0 && !over.signal.aborted) await conclude();
    }

    async function conclude(): Promise<void> {
      const [again] = refused.splice(0);
      const isWorthIt = again && !isRetry && now() - startedMs < noRetryAfterMs && retries.take();
      if (!isWorthIt) {
        fail(worst ?? restingError());
        return;
      }
      isRetry = true;
      report.retried();
      await clock.sleep(backoffMs * (0.5 + Math.random()), over.signal);
      waiting.push(again);
      await walk(false);
    }

    function restingError(): PullError {
      const restMs = sources.map((source) => health.of(source).breaker.restsForMs).filter((ms) => ms > 0);
      if (restMs.length === 0) return new PullError('failed', 'there is no upstream to ask');
      const retryAfterS = Math.ceil(Math.min(...restMs) / 1_000);
      return new PullError('failed', 'every upstream rests after failures', { retryAfterS, how: 'resting' });
    }

    async function askOne(source: PullSource, asHedge: boolean): Promise<void> {
      const state = health.of(source);
      const ticket = state.breaker.enter();
      if (!ticket) return;
      const begunMs = now();
      let headMs = 0;
      let arrivedBytes = 0;
      const patience = makePatience(source, state);
      try {
        const { value, bytes } = await ask(source, {
          signal: over.signal,
          headArrived() {
            headMs = now() - begunMs;
            patience.body();
          },
          arrived(count) {
            arrivedBytes += count;
            onProgress(arrivedBytes);
          },
        });
        // Also of one that came second: the times of those that are slow are to be known.
        noteTimes(state, headMs, now() - begunMs - headMs, bytes);
        state.succeeded();
        ticket.succeeded();
        report.asked(source, 'ok', bytes);
        if (!end()) return;
        if (asHedge) report.hedgeWon();
        resolve({ value, source, how: asHedge ? 'hedged' : isRetry ? 'retried' : null });
      } catch (error) {
        if (over.signal.aborted) {
          if (headMs === 0) state.head.record(now() - begunMs);
          ticket.cancelled();
          report.asked(source, 'cancelled', 0);
          return;
        }
        const failure = error instanceof PullError ? error : new PullError('failed', String(error), { cause: error });
        report.asked(source, failure.code, 0);
        if (isFault(failure, state)) {
          state.failed();
          ticket.failed();
          // Who says when to come again has tried itself, or has too much to do.
          const mayRetry = failure.code === 'failed' && failure.retryAfterS === null;
          if (mayRetry && source.outcome !== 'pull-peer') refused.push(source);
        } else ticket.succeeded();
        if (failure.code === 'not-found' || failure.code === 'gone') fail(failure);
        else if (failure.code !== 'not-held') worst = failure;
      } finally {
        patience.end();
      }
    }

    const isFault = ({ code }: PullError, state: Health): boolean =>
      code === 'failed' || code === 'timed-out' || (code === 'mismatch' && state.mismatched(key));

    /** Asks the next one as well when patience with this one ends. */
    function makePatience(source: PullSource, state: Health) {
      let current: AbortController | null = null;
      function wait(knownMs: number | null): void {
        current?.abort();
        // The same one is asked twice only where it is known to be quicker as a rule, and there is nobody else.
        const isLast = waiting.length === 0;
        if (isHedged || (isLast && (knownMs === null || source.outcome !== 'pull-origin'))) return;
        const mine = new AbortController();
        current = mine;
        clock.sleep(knownMs ?? unknownPatienceMs, mine.signal).then(
          () => hedge(source),
          () => {},
        );
      }
      wait(patienceForHead(state));
      return {
        body: () => wait(patienceForBody(state, sizeBytes)),
        end: () => current?.abort(),
      };
    }

    function hedge(slow: PullSource): void {
      if (over.signal.aborted || isHedged || !hedges.take()) return;
      isHedged = true;
      report.hedged();
      if (waiting.length === 0) waiting.push(slow);
      walk(true).catch(fail);
    }

    hedges.asked();
    retries.asked();
    if (signal.aborted) abandon();
    else {
      signal.addEventListener('abort', abandon);
      walk(false).catch(fail);
    }
    return promise;
  }

  return { answer, health };
}
