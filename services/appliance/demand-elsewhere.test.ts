import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { Audience } from '../../shared/domain/planning/audience.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import { makeDemandElsewhere } from './demand-elsewhere.ts';
import { parseVersion } from './manifest-shape.ts';
import { makeTitle } from './testing/fleet.ts';

const title = makeTitle(
  'film',
  Array.from({ length: 20 }, (_, at) => ({ path: `s/${String(at).padStart(2, '0')}.m4s`, sizeBytes: 50_000 })),
);

/** How often each segment is said to be asked for elsewhere, where the version's mean byte is asked for five times. */
async function told(audience: Audience | undefined): Promise<Map<string, number>> {
  const { assetId, version: name, manifest } = title;
  const bytes = Buffer.from(JSON.stringify(manifest));
  const version = parseVersion(bytes, 'ab'.repeat(32), { assetId, version: name });
  const requests = new Map<string, number>();
  const demand = {
    seenElsewhere: (key: string, _slice: unknown, count: number) => requests.set(key, count),
  } as Partial<SegmentCache['demand']> as SegmentCache['demand'];
  await makeDemandElsewhere({
    control: {
      demandElsewhere: async () => ({
        untilMs: 1,
        assets: [{ assetId, version: name, bytes: manifest.sizeBytes * 5 }],
        ...(audience && { audience }),
      }),
    },
    topUps: { owns: () => true, isAllowed: true },
    cache: { demand } as SegmentCache,
    versions: { held: async () => version } as unknown as Parameters<typeof makeDemandElsewhere>[0]['versions'],
    tombstones: { has: () => false },
    clock: { now: () => 0, sleep: async () => {} },
    logger: pino({ level: 'silent' }),
  }).learn();
  return new Map([...requests].map(([key, count]) => [key.replace(/^film\/v1\//, ''), count]));
}

it('spreads what others ask for over a title as viewers here watch it', async () => {
  const curve = Array.from({ length: 20 }, (_, bin) => (bin < 5 ? 3 : 1 / 3));
  const found = await told({ days: 7, hours: 200, curve, mix: {}, assets: [] });
  const [first = 0, last = 0] = [found.get('s/00.m4s'), found.get('s/19.m4s')];
  expect(first).toBeGreaterThan(10);
  expect(first / last).toBeCloseTo(9, 3);
  // All together they are asked for as often as was told.
  const segments = [...found].flatMap(([path, count]) => (path.startsWith('s/') ? [count] : []));
  expect(segments.reduce((sum, count) => sum + count, 0) / 20).toBeCloseTo(5, 0);
});

it('spreads it evenly while nothing is known of viewers here', async () => {
  const found = await told(undefined);
  expect(new Set(found.values())).toEqual(new Set([5]));
});
