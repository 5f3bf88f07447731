import { describe, expect, it } from 'vitest';
import type { PlannedFile } from '../../shared/domain/fill.ts';
import { makePlannedWork } from './planned-work.ts';

const file = (key: string, sizeBytes = 10): PlannedFile => ({
  key,
  assetId: key.split('/')[0] ?? '',
  rendition: null,
  sizeBytes,
  sha256: '',
  expectedBytes: 0,
  value: 0,
  reason: 'expected-demand',
});
const title = (id: string, files = 2): PlannedFile[] => [
  file(`${id}/v1/asset.json`),
  ...Array.from({ length: files }, (_, at) => file(`${id}/v1/${at}.m4s`)),
];
const nothing: ReadonlySet<string> = new Set();
const limits = { pieceBytes: 1_000, pieceFiles: 100 };

describe('makePlannedWork', () => {
  it('cuts by bytes and files, and sends no media before their asset.json is there', () => {
    const work = makePlannedWork([{ applianceId: 'e', fetch: title('a', 4) }], { pieceBytes: 20, pieceFiles: 9 });
    work.begin('e', nothing, true);
    expect(work.next('e')).toEqual({ files: [0, 1], peers: [] });
    expect(work.next('e')).toBe('wait');
    work.settle('e', 0, true);
    expect(work.next('e')).toEqual({ files: [2, 3], peers: [] });
    work.putBack('e', [1, 3]);
    expect(work.next('e')).toEqual({ files: [1, 3], peers: [] });
    expect(work.next('e')).toEqual({ files: [4], peers: [] });
    expect(work.next('e')).toBeNull();
    expect(work.openBytes('e')).toBe(40);
  });

  it('brings a title across once: the first that is free is its master, the other takes it from there', () => {
    const fetch = [...title('a'), ...title('b')];
    const work = makePlannedWork(
      ['e', 'f'].map((applianceId) => ({ applianceId, fetch })),
      { pieceBytes: 30, pieceFiles: 9 },
    );
    for (const id of ['e', 'f']) work.begin(id, nothing, true);
    expect(work.next('e')).toEqual({ files: [0, 1, 2], peers: [] });
    expect(work.next('f')).toEqual({ files: [3, 4, 5], peers: [] });
    expect(work.next('e')).toBe('wait');
    for (const at of [3, 4, 5]) work.settle('f', at, true);
    expect(work.next('e')).toEqual({ files: [3, 4, 5], peers: ['f'] });
    expect(work.next('f')).toBe('wait');
    // The master could not have one of them: the next that wants it brings it across.
    work.settle('e', 0, true);
    work.settle('e', 1, false);
    work.settle('e', 2, true);
    expect(work.next('f')).toEqual({ files: [0, 2], peers: ['e'] });
    expect(work.next('f')).toBe('wait');
    work.settle('f', 0, true);
    expect(work.next('f')).toEqual({ files: [1], peers: [] });
  });

  it('waits for those who are to have a file already, until they have told or are given up', () => {
    const [a, b] = [title('a'), title('b')];
    const parts = [
      { applianceId: 'e', fetch: [...a, ...b] },
      { applianceId: 'keeps', fetch: [], keep: a },
      { applianceId: 'lends', fetch: [], lend: b },
    ];
    const work = makePlannedWork(parts, limits);
    work.begin('e', nothing, true);
    expect(work.next('e')).toBe('wait');
    work.begin('lends', new Set(b.map(({ key }) => key)), true);
    expect(work.next('e')).toEqual({ files: [3, 4, 5], peers: ['lends'] });
    expect(work.next('e')).toBe('wait');
    work.doubt('keeps');
    expect(work.next('e')).toEqual({ files: [0, 1, 2], peers: [] });
    const given = makePlannedWork(parts, limits);
    given.begin('e', nothing, true);
    for (const id of ['keeps', 'lends']) given.takeRest(id);
    expect(given.next('e')).toEqual({ files: [0, 1, 2, 3, 4, 5], peers: [] });
  });

  it('takes from a holder what the region has already, and makes no master of one that is not healthy', () => {
    const fetch = [...title('a'), ...title('b')];
    const parts = ['e', 'f', 'g'].map((applianceId) => ({ applianceId, fetch }));
    const work = makePlannedWork(parts, limits);
    work.begin('g', new Set(title('a').map(({ key }) => key)), true);
    work.begin('e', nothing, false);
    work.begin('f', nothing, true);
    expect(work.next('e')).toEqual({ files: [0, 1, 2], peers: ['g'] });
    expect(work.next('e')).toBe('wait');
    expect(work.next('g')).toEqual({ files: [3, 4, 5], peers: [] });
    expect(work.isHeldInRegion('a/v1/0.m4s')).toBe(true);
    expect(work.isHeldInRegion('b/v1/0.m4s')).toBe(false);
  });
});
