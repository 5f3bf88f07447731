import { describe, expect, it } from 'vitest';
import {
  appliance,
  audienceOf,
  empty,
  forecastOf,
  inventoryOf,
  ladder,
  mega,
  plan,
  steepCurve,
  version,
} from '../../testing/plan-case.ts';
import { explainAsset } from './explain.ts';

const sized = (id: string, megas: number) => version(id, { v: [megas * mega] });

describe('the reason of a plan, in words and numbers', () => {
  it('gives value, rank and the least value that is brought', () => {
    const demand = { a: 100 * mega, b: 20 * mega };
    const versions = [sized('a', 10), sized('b', 10)];
    const p = plan({ demand, versions, appliances: [empty(appliance('e0', 100 * mega))] });
    const found = explainAsset(p, forecastOf(demand), 'b');
    expect(found).toMatchObject({ expectedBytes: 20 * mega, copies: 1, rank: 2, ranked: 2, leftOutBytes: 0 });
    expect(found.value).toBeCloseTo(2, 2);
    expect(found.margins[0]?.leastFetched).toBeCloseTo(2, 2);
    expect(found.words).toEqual([expect.stringMatching(/served 2 times; the least valuable .* has 2: it is brought/)]);
  });

  it('tells how far viewers get and what each rendition is worth', () => {
    const demand = { a: 100 * mega, elsewhere: 900 * mega };
    const audience = audienceOf(steepCurve, { 'v720-x': 0.7, 'v240-x': 0.3 });
    const p = plan({ demand, versions: [ladder('a')], appliances: [empty(appliance('e0', 100 * mega))], audience });
    const found = explainAsset(p, { ...forecastOf(demand), audience }, 'a');
    expect(found.watched).toMatchObject({ of: 'region' });
    const part = found.parts.find(({ rendition }) => rendition === 'video-720p');
    expect(part?.bestFactor).toBeGreaterThan(1);
    expect(part?.leastFactor).toBeLessThan(1);
    expect(found.words.join(' ')).toMatch(/beginning 5\.\d+ times.*720 lines x 70%, 240 lines x 30%/);
  });

  it('says of what an operator wants there that nobody is expected to ask for it, where that is so', () => {
    const p = plan({
      demand: {},
      versions: [sized('a', 10)],
      appliances: [empty(appliance('e0', 100 * mega))],
      mustHave: new Set(['a']),
    });
    const { words } = explainAsset(p, forecastOf({}), 'a');
    expect(words).toEqual([
      expect.stringMatching(/^The forecast expects nobody to ask for it, but an operator wants it/),
    ]);
  });

  it('names the night’s bytes where they stopped it', () => {
    const demand = { a: 100 * mega, b: 20 * mega };
    const versions = [sized('a', 10), sized('b', 10)];
    const appliances = [empty(appliance('e0', 100 * mega))];
    const p = plan({ demand, versions, appliances, budget: { bytesPerNight: 11 * mega } });
    const { words, leftOutBytes, plannedBytes } = explainAsset(p, forecastOf(demand), 'b');
    expect(words.join(' ')).toMatch(/night’s bytes .* down to 10/);
    expect(leftOutBytes).toBeGreaterThan(9 * mega);
    expect(plannedBytes).toBe(0);
  });

  it('names what it would have displaced where that is worth more', () => {
    const demand = { held: 30 * mega, wanted: 31 * mega };
    const held = sized('held', 10);
    const versions = [held, sized('wanted', 10)];
    const appliances = [{ appliance: appliance('e0', 12 * mega), inventory: inventoryOf(held) }];
    const { words, margins } = explainAsset(plan({ demand, versions, appliances }), forecastOf(demand), 'wanted');
    expect(words).toEqual([expect.stringMatching(/displace what is held at 3, and a swap has to bring 1\.1 times/)]);
    expect(margins[0]?.displaces).toMatchObject([{ assetId: 'held' }]);
  });

  it('says so where nobody is expected, and where it is not published', () => {
    const demand = { a: mega, gone: mega };
    const versions = [sized('a', 1), sized('quiet', 1)];
    const p = plan({ demand, versions, appliances: [empty(appliance('e0', 100 * mega))] });
    expect(explainAsset(p, forecastOf(demand), 'quiet').words).toEqual([expect.stringMatching(/nobody to ask/)]);
    expect(explainAsset(p, forecastOf(demand), 'gone').words).toEqual([expect.stringMatching(/not published/)]);
    expect(explainAsset(p, forecastOf(demand), 'unknown').words).toEqual([]);
  });
});
