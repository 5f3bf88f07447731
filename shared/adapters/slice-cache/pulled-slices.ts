/**
 * Which slices stay of those that no plan keeps: the rules of `domain/caching/forecast-cache.ts`, the same that are
 * simulated, fed with what is asked for here.
 *
 * What was asked for is noted as it happens and weighed once a second, or before the next decision. Values are renewed
 * every ten minutes, in portions of two milliseconds, so that no viewer waits for it.
 *
 * | a slice is | when |
 * |------------|------|
 * | known      | it was asked for, here or in another region; of those that are not held at most `mostAbsent` |
 * | expected   | it is worth its place and is on its way: pulled for a viewer, or pushed; its bytes count already |
 * | kept       | it is held |
 *
 * Memory: 280 bytes a held slice, 500 to 800 one that is not, as arrays double when they grow; 15 MB for lessons.
 */
import { advanceEveryS, type ForecastCache, makeForecastCache } from '../../domain/caching/forecast-cache.ts';
import { manifestName } from '../../domain/keys.ts';
import type { SliceDemand, TopUp } from '../../ports/segment-cache.ts';
import type { SavedForesight } from './foresight-file.ts';
import type { HeldSlice, SliceIndex } from './slice-index.ts';
import { makeSliceNumbers, type SliceName } from './slice-numbers.ts';
import { makeSteadyTime } from './steady-time.ts';

/** A slice that is on its way to be kept. `isLost`: something worth more took its place meanwhile. */
export interface Expected {
  readonly number: number;
  isLost: boolean;
}

export interface PulledSlices extends Pick<SliceDemand, 'missed' | 'seenElsewhere' | 'giveUp'> {
  /** Notes that somebody read bytes of a held slice; costs a few nanoseconds. */
  asked(slice: HeldSlice, bytes: number): void;
  /** A pulled slice came: what is to become of it. */
  offer(name: SliceName, sizeBytes: number): Expected | 'no-room' | 'worth-less';
  /** The expected slice did not come. */
  cancel(expected: Expected): void;
  /** The expected slice is held, and is not lost. */
  arrive(slice: HeldSlice, expected: Expected): void;
  /** A plan keeps the held slice from now on. */
  keepByPlan(slice: HeldSlice): void;
  /** Nothing but its value keeps the held slice from now on; `setCapacity` is due then. */
  keepByValue(slice: HeldSlice): void;
  /** Recognises a slice that was held when the demand was saved; to be told of all that are held, pinned ones too. */
  meet(slice: HeldSlice): void;
  /** All that are held have been met. */
  settle(): void;
  /** The slice is no longer held. */
  drop(slice: HeldSlice): void;
  setCapacity(bytes: number): void;
  readonly usedBytes: number;
  /** What a later run goes on with; its counts change with the next request and are to be copied soon. */
  save(): SavedForesight;
  setTopUp(topUp: TopUp): void;
  /** Ends the rounds. */
  stop(): void;
}

export interface PulledSlicesOptions {
  readonly index: Pick<SliceIndex, 'get' | 'object'>;
  readonly clock: { now(): number };
  readonly isPlanned: (key: string) => boolean;
  /** The slice has to leave. */
  readonly onEvict: (slice: HeldSlice) => void;
  /** A round of new values is over. */
  readonly onRound: () => void;
  readonly saved: SavedForesight | null;
  readonly mostAbsent?: number;
}

const weighEveryMs = 1_000;
/** So many noted slices are weighed at once even before the second is over. */
const mostNoted = 10_000;
/** A round works so long at a time, and then lets others go on for the rest. */
const portionMs = 2;
const restMs = 10;
/** 100 to 160 MB. */
const defaultMostAbsent = 200_000;
/** How many are looked at to find one that was not asked for in a long time. */
const forgettingSample = 16;

export function makePulledSlices(options: PulledSlicesOptions): PulledSlices {
  const { index, isPlanned, onEvict, onRound, saved, mostAbsent = defaultMostAbsent } = options;
  const time = makeSteadyTime(options.clock, saved?.time);
  const numbers = makeSliceNumbers(saved?.numbers);
  const onTheWay = new Map<number, Expected>();
  let topUp: TopUp | null = null;
  const cache: ForecastCache = makeForecastCache({
    capacityBytes: 0,
    sizes: numbers.sizes,
    onEvict: (number) => {
      const slice = numbers.held(number);
      if (slice) onEvict(slice);
      else lose(number);
    },
    onPush: (number) => {
      const name = numbers.nameOf(number);
      if (!name || !topUp) return;
      onTheWay.set(number, { number, isLost: false });
      topUp.push(name.key, name.index);
    },
    mayPush: (number) => {
      const name = numbers.held(number) ? null : numbers.nameOf(number);
      return topUp !== null && name !== null && !isPlanned(name.key) && topUp.mayPush(name.key);
    },
    pushBudgetBytes: () => topUp?.budgetBytes() ?? 0,
  });
  /** Held slices that were asked for since they were last weighed; their shares lie in themselves. */
  let noted: HeldSlice[] = [];
  let missed = new Map<string, { readonly name: SliceName; readonly sizeBytes: number; share: number }>();
  let hand = 0;
  let round: Iterator<void> | null = null;
  let roundS = 0;
  let resting: NodeJS.Timeout | null = null;

  function lose(number: number): void {
    const expected = onTheWay.get(number);
    if (expected) expected.isLost = true;
    onTheWay.delete(number);
  }

  function cancel(expected: Expected): void {
    if (expected.isLost) return;
    onTheWay.delete(expected.number);
    cache.release(expected.number);
  }

  function numberOf(name: SliceName, sizeBytes: number): number {
    const number = numbers.of(name, sizeBytes);
    for (let left = numbers.absent - mostAbsent; left > 0; left -= 1) forgetOne(number);
    return number;
  }

  /** Of a few that are not held, the one that was not asked for longest: close to the very one, without a list of all. */
  function forgetOne(except: number): void {
    let oldest = -1;
    for (let seen = 0, looked = 0; seen < forgettingSample && looked < numbers.end; looked += 1) {
      hand = (hand + 1) % numbers.end;
      if (hand === except || numbers.held(hand) || !numbers.nameOf(hand) || cache.has(hand)) continue;
      seen += 1;
      if (oldest < 0 || cache.lastSeenS(hand) < cache.lastSeenS(oldest)) oldest = hand;
    }
    if (oldest < 0) return;
    cache.forget(oldest);
    numbers.forget(oldest);
  }

  function weigh(): void {
    if (noted.length === 0 && missed.size === 0) return;
    const nowS = time.nowS();
    const [held, others] = [noted, missed];
    noted = [];
    missed = new Map();
    const versions = new Set<string>();
    for (const slice of held) {
      const share = slice.askedShare;
      slice.askedShare = 0;
      const { key } = slice.object;
      const isHeld = index.get(key, slice.index) === slice;
      const number = isHeld ? numbers.hold(slice) : numberOf({ key, index: slice.index }, slice.sizeBytes);
      cache.ask(number, nowS, share);
      versions.add(key.slice(0, key.indexOf('/', key.indexOf('/') + 1) + 1));
    }
    for (const { name, sizeBytes, share } of others.values()) cache.ask(numberOf(name, sizeBytes), nowS, share);
    // Whoever is given a file needs its manifest, which is mostly read from memory: it must not leave before its files.
    for (const version of versions)
      for (const slice of index.object(version + manifestName)?.slices ?? [])
        if (slice.number >= 0) cache.ask(slice.number, nowS);
  }

  function beginRound(): void {
    const nowS = time.nowS();
    if (Math.floor(nowS / advanceEveryS) <= Math.floor(roundS / advanceEveryS)) return;
    roundS = nowS;
    round = cache.advance(nowS);
    goOn();
  }

  function goOn(): void {
    resting = null;
    const untilMs = performance.now() + portionMs;
    while (round) {
      if (round.next().done) {
        round = null;
        onRound();
      } else if (performance.now() > untilMs) {
        resting = setTimeout(goOn, restMs).unref();
        return;
      }
    }
  }

  if (saved) cache.restore(saved.forecaster);
  const timer = setInterval(() => {
    weigh();
    if (!round) beginRound();
  }, weighEveryMs).unref();

  return {
    asked(slice, bytes) {
      if (slice.askedShare === 0) noted.push(slice);
      slice.askedShare += slice.sizeBytes > 0 ? bytes / slice.sizeBytes : 1;
      if (noted.length >= mostNoted) weigh();
    },
    missed(key, { index, sizeBytes }, bytes) {
      const text = `${key}#${index}`;
      const found = missed.get(text);
      const share = sizeBytes > 0 ? bytes / sizeBytes : 1;
      if (found) found.share += share;
      else missed.set(text, { name: { key, index }, sizeBytes, share });
      if (missed.size >= mostNoted) weigh();
    },
    seenElsewhere(key, { index: sliceIndex, sizeBytes }, requests) {
      const slice = index.get(key, sliceIndex);
      const number = slice ? numbers.hold(slice) : numberOf({ key, index: sliceIndex }, sizeBytes);
      cache.observe(number, time.nowS(), requests);
    },
    offer(name, sizeBytes) {
      if (sizeBytes > cache.capacityBytes()) return 'no-room';
      weigh();
      const nowS = time.nowS();
      const number = numberOf(name, sizeBytes);
      // Pulled things were asked for, whether or not somebody said so.
      if (cache.lastSeenS(number) === Number.NEGATIVE_INFINITY) cache.ask(number, nowS);
      if (!cache.offer(number, nowS)) return 'worth-less';
      const expected = onTheWay.get(number) ?? { number, isLost: false };
      onTheWay.set(number, expected);
      return expected;
    },
    cancel,
    giveUp(key, sliceIndex) {
      const number = numbers.find({ key, index: sliceIndex });
      const expected = onTheWay.get(number);
      if (expected) cancel(expected);
    },
    arrive(slice, expected) {
      numbers.hold(slice);
      onTheWay.delete(expected.number);
    },
    keepByPlan(slice) {
      if (slice.number >= 0) cache.release(slice.number);
    },
    keepByValue: (slice) => cache.adopt(numbers.hold(slice), time.nowS()),
    meet: numbers.meet,
    settle() {
      for (const number of numbers.settle()) cache.forget(number);
    },
    drop(slice) {
      if (slice.number < 0) return;
      cache.release(slice.number);
      numbers.leave(slice);
    },
    setCapacity: cache.setCapacity,
    get usedBytes() {
      return cache.usedBytes();
    },
    save() {
      weigh();
      return { time: time.save(), numbers: numbers.save(), forecaster: cache.save(numbers.end) };
    },
    setTopUp(next) {
      topUp = next;
    },
    stop() {
      clearInterval(timer);
      if (resting) clearTimeout(resting);
      round = null;
    },
  };
}
