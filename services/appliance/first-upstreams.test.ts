import { expect, it } from 'vitest';
import { makeFirstUpstreams } from './first-upstreams.ts';

function setting(knownAfterBeats: number) {
  let nowMs = 0;
  const state = { beats: 0, isKnown: false, isReachable: true };
  const untilKnown = makeFirstUpstreams({
    knows: () => state.isKnown,
    async beat() {
      state.beats += 1;
      if (state.beats >= knownAfterBeats) state.isKnown = true;
      return state.isReachable;
    },
    clock: {
      now: () => nowMs,
      async sleep(ms) {
        nowMs += ms;
      },
    },
    patienceMs: 1_000,
  });
  return { state, untilKnown };
}

it('waits for the first upstream, once for all who ask, and never again while there is one', async () => {
  const { state, untilKnown } = setting(3);
  await Promise.all([untilKnown(), untilKnown(), untilKnown()]);
  expect([state.isKnown, state.beats]).toEqual([true, 3]);
  expect(untilKnown()).toBeNull();
});

it('does not wait again in vain, but does when an upstream was known and is lost', async () => {
  const { state, untilKnown } = setting(Number.POSITIVE_INFINITY);
  await untilKnown();
  expect(state.beats).toBe(10);
  expect(untilKnown()).toBeNull();
  state.isKnown = true;
  expect(untilKnown()).toBeNull();
  state.isKnown = false;
  expect(untilKnown()).not.toBeNull();
});

it('does not wait for a control that cannot be reached', async () => {
  const { state, untilKnown } = setting(Number.POSITIVE_INFINITY);
  state.isReachable = false;
  await untilKnown();
  expect(state.beats).toBe(1);
});
