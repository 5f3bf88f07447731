/**
 * What the product does, as a policy: the very code that decides in service, fed from the trace.
 *
 * At each midnight (UTC) the forecaster reads the days that are over, the planner says what the night brings and keeps, once a
 * week the room for pulled objects is decided, and all through the day pulled objects stay by forecast value and are topped up.
 * An object is a title of one file. Budget and window are no limit here. Sees only the past.
 */
import { advanceEveryS } from '../../caching/forecast-cache.ts';
import { makePlannedDisk } from '../../caching/planned-disk.ts';
import { forecastRegion } from '../../forecasting/forecast-region.ts';
import { pulledReserveShare } from '../../planning/limits.ts';
import { decideRoom, readDays, sampleBounds } from '../../pulled-room/decide-room.ts';
import { type PartedTitle, planParts } from '../../pulled-room/part-planner.ts';
import { makeLogSampler } from '../../pulled-room/sampled-log.ts';
import { dateOfDayNumber } from '../../time/local-time.ts';
import { makePastDemand, nameOf, objectOf } from '../past-demand.ts';
import { hit, type PolicyFactory, passed, stored } from '../policy.ts';
import { replayedRegion } from '../replayed-region.ts';
import { dayS } from '../trace.ts';

const weekDays = 7;

export const makeNightfill: PolicyFactory = ({ capacityBytes, sizes, selection, ledger }) => {
  const { bytes } = selection.trace;
  const past = makePastDemand(sizes, readDays);
  const disk = makePlannedDisk({
    capacityBytes,
    sizes: { cells: sizes },
    onPush: ledger.push,
    onFetch: ledger.push,
    onEvict: ledger.evict,
  });
  let share = pulledReserveShare;
  let decidedDay = Number.NEGATIVE_INFINITY;

  const decide = (day: number, madeAt: string): void => {
    if (day - decidedDay < weekDays) return;
    const sampler = makeLogSampler(sampleBounds);
    for (const row of past.rows()) sampler.add(row);
    const room = finish(
      decideRoom({
        region: replayedRegion,
        decidedAt: madeAt,
        until: dateOfDayNumber(day - 1),
        log: sampler.read(),
        sizeOf: (id) => sizes[objectOf(id)],
        audience: null,
        capacityBytes,
        present: share,
      }),
    );
    if (!room) return;
    share = room.share;
    decidedDay = day;
  };
  const night = (timeS: number): void => {
    const day = timeS / dayS;
    const date = dateOfDayNumber(day);
    const madeAt = new Date(timeS * 1_000).toISOString();
    past.endDay(day - 1);
    decide(day, madeAt);
    const forecast = forecastRegion({
      regionId: replayedRegion.id,
      date,
      history: past.here,
      elsewhere: { regions: past.otherRegions(), history: past.elsewhere },
      madeAt,
    });
    // Known are those that somebody asked for: what else is published a log cannot tell.
    const expected = new Set(forecast.assets.map(({ assetId }) => objectOf(assetId)));
    const titles: PartedTitle[] = [];
    for (let object = 0; object < sizes.length; object += 1)
      if (expected.has(object) || disk.has(object))
        titles.push({ assetId: nameOf(object), firstPart: object, parts: 1 });
    const plan = planParts({
      region: replayedRegion,
      date,
      startS: timeS,
      forecast,
      titles,
      sizeOf: (object) => sizes[object] ?? 0,
      isHeld: disk.has,
      capacityBytes,
      sampledShare: 1,
      pulledShare: share,
    });
    disk.plan(plan, timeS);
  };
  return {
    request: (object, timeS, position) => {
      const size = sizes[object] ?? 0;
      const served = bytes?.[position] ?? size;
      past.see(object, timeS, served);
      const answer = disk.serve(object, timeS, size > 0 ? served / size : 1);
      return answer === 'held' ? hit : answer === 'kept' ? stored : passed;
    },
    observe: (object, timeS, region) => {
      past.seeElsewhere(object, region);
      disk.cache.observe(object, timeS);
    },
    tick: {
      everyS: advanceEveryS,
      at: (timeS) => {
        finish(disk.cache.advance(timeS));
        if (timeS % dayS === 0) night(timeS);
      },
    },
  };
};

function finish<T>(work: Iterator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
