/**
 * A new fleet's edge hears of its shields with a heartbeat, because control names those only that it has heard of itself.
 * Until then nobody could be asked; so whoever asks first has control asked again, and waits.
 *
 * | knows somebody who must have it | waits |
 * |---------------------------------|-------|
 * | yes: a shield or the store      | not at all |
 * | no                              | until it does, once for so long as an upstream may be silent |
 * | still no                        | no more, until it has known one and lost it: the fleet may have none |
 */
import type { Clock } from '../../shared/ports/clock.ts';

export interface FirstUpstreamsDeps {
  readonly knows: () => boolean;
  /** Asks control for orders; false when it cannot be reached. */
  readonly beat: () => Promise<boolean>;
  readonly clock: Clock;
  readonly patienceMs: number;
}

const pauseMs = 100;

/** Null where there is nothing to wait for; never rejects. */
export function makeFirstUpstreams({ knows, beat, clock, patienceMs }: FirstUpstreamsDeps): () => Promise<void> | null {
  let waiting: Promise<void> | null = null;
  let isInVain = false;

  async function wait(): Promise<void> {
    const untilMs = clock.now() + patienceMs;
    while (!knows() && clock.now() < untilMs) {
      if (!(await beat())) break;
      if (!knows()) await clock.sleep(pauseMs);
    }
    isInVain = !knows();
    waiting = null;
  }

  return () => {
    if (knows()) {
      isInVain = false;
      return null;
    }
    if (isInVain) return null;
    waiting ??= wait();
    return waiting;
  };
}
