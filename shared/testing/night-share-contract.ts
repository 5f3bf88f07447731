import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Night, NightShare } from '../ports/night-share.ts';

export interface NightShareSetup {
  readonly share: NightShare;
  /** The same as another process sees it. */
  readonly other: NightShare;
  /** Loses all live state; durable storage stays. */
  loseLiveState(): Promise<void>;
  dispose(): Promise<void>;
}

const night: Night = { regionId: 'r', date: '2026-11-21', limitBytes: 3_200 };
const never = new AbortController().signal;

export function describeNightShare(name: string, setUp: () => Promise<NightShareSetup>): void {
  describe(`night share contract: ${name}`, () => {
    let setup: NightShareSetup;
    let share: NightShare;
    let other: NightShare;
    beforeEach(async () => {
      setup = await setUp();
      ({ share, other } = setup);
    });
    afterEach(() => setup.dispose());

    /** How many bytes can still be had, a hundred at a time. */
    const leftOf = async (from = share): Promise<number> => {
      let left = 0;
      while (await from.reserve(night, 100)) left += 100;
      return left;
    };

    it('enters the bytes of all processes into one timetable, with little saved up', async () => {
      const waits: number[] = [];
      for (let at = 0; at < 20; at += 1) waits.push(await (at % 2 ? share : other).enterRate('r', 125_000, 1e6));
      // Twenty seconds' worth, of which a tenth of a second was saved up.
      expect(waits.at(-1)).toBeGreaterThan(18_000);
      expect(waits.at(-1)).toBeLessThanOrEqual(19_000);
      expect(await other.enterRate('elsewhere', 125_000, 1e6)).toBe(0);
    });

    it('hands out no byte twice, whoever asks at the same time', async () => {
      const answers = await Promise.all(
        Array.from({ length: 60 }, (_, at) => (at % 2 ? share : other).reserve(night, 100)),
      );
      expect(answers.filter(Boolean)).toHaveLength(32);
      await other.giveBack(night, 250);
      expect(await leftOf()).toBe(200);
      expect(await share.reserve({ ...night, date: '2026-11-22' }, 100)).toBe(true);
      expect(await share.reserve({ ...night, limitBytes: 3_400 }, 100)).toBe(true);
    });

    it('counts what earlier fills spent', async () => {
      await share.raiseSpent(night, 3_000);
      await other.raiseSpent(night, 1_000);
      expect(await leftOf(other)).toBe(200);
    });

    it('hands out no more than the night has after live state was lost, and loses little of it', async () => {
      for (let at = 0; at < 10; at += 1) await share.reserve(night, 100);
      await setup.loseLiveState();
      const left = await leftOf(other);
      expect(left).toBeLessThanOrEqual(2_200);
      expect(left).toBeGreaterThanOrEqual(2_000);
    });

    it('sums what left for a fill, and is told again what was lost', async () => {
      await Promise.all([share.countSent('f', 10), other.countSent('f', 5)]);
      expect(await share.sentBytes('f', 0)).toBe(15);
      await setup.loseLiveState();
      expect(await other.sentBytes('f', 15)).toBe(15);
      await share.countSent('f', 1);
      expect(await other.sentBytes('f', 15)).toBe(16);
    });

    it('lets one fill of a region run at a time, and passes over one that gave up', async () => {
      const end = await share.takeTurn('r', never);
      const stop = new AbortController();
      const impatient = other.takeTurn('r', stop.signal);
      const elsewhere = await other.takeTurn('elsewhere', never);
      stop.abort(new Error('cancelled'));
      await expect(impatient).rejects.toThrow('cancelled');
      let second = false;
      const next = other.takeTurn('r', never).then((give) => {
        second = true;
        return give;
      });
      await elsewhere();
      expect(second).toBe(false);
      await end();
      await (await next)();
    });
  });
}
