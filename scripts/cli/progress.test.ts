import { describe, expect, it } from 'vitest';
import { bar, leftText, makeEstimator, makeProgressLine } from './progress.ts';

describe('makeEstimator', () => {
  it('knows nothing at first, then the rate and the time left', () => {
    const estimate = makeEstimator();
    expect(estimate(0, 0, 1_000)).toEqual({ ratePerS: null, remainingMs: null });
    expect(estimate(1_000, 100, 1_000)).toEqual({ ratePerS: 100, remainingMs: 9_000 });
    expect(estimate(2_000, 1_000, 1_000).remainingMs).toBe(0);
  });

  it('follows a change of rate within its window', () => {
    const estimate = makeEstimator(10_000);
    for (let second = 0; second <= 60; second++) estimate(second * 1_000, second * 1_000, 1_000_000);
    for (let second = 1; second <= 10; second++) estimate(60_000 + second * 1_000, 60_000 + second * 10, 1_000_000);
    expect(estimate(70_000, 60_100, 1_000_000).ratePerS).toBeCloseTo(10, 5);
  });

  it('promises no end while nothing moves', () => {
    const estimate = makeEstimator();
    estimate(0, 500, 1_000);
    expect(estimate(5_000, 500, 1_000)).toEqual({ ratePerS: 0, remainingMs: null });
  });

  it('begins anew when an upload goes back to what the server has', () => {
    const estimate = makeEstimator();
    estimate(0, 0, 1_000);
    estimate(1_000, 800, 1_000);
    expect(estimate(2_000, 300, 1_000).ratePerS).toBeNull();
    expect(estimate(3_000, 400, 1_000).ratePerS).toBe(100);
  });
});

describe('makeProgressLine', () => {
  const record = (isTTY: boolean, columns = 20) => {
    let written = '';
    let nowMs = 0;
    const stream = { isTTY, columns, write: (text: string) => (written += text) };
    return { line: makeProgressLine(stream, () => nowMs), at: (ms: number) => (nowMs = ms), written: () => written };
  };

  it('rewrites one line on a terminal, cut to its width', () => {
    const { line, at, written } = record(true);
    line.show('first');
    line.show('too soon to be drawn');
    at(200);
    line.show('a text that is longer than the terminal');
    line.clear();
    expect(written()).toBe('\r\u001b[2Kfirst\r\u001b[2Ka text that is lon…\r\u001b[2K');
  });

  it('prints plain lines at intervals elsewhere, without any control sequence', () => {
    const { line, at, written } = record(false);
    line.show('1%');
    at(4_900);
    line.show('2%');
    at(5_500);
    line.show('50%');
    line.keep('done');
    line.clear();
    expect(written()).toBe('50%\ndone\n');
  });
});

describe('bar and leftText', () => {
  it('stays within its frame', () => {
    expect([-1, 0, 0.5, 1, 2].map((share) => bar(share, 4))).toEqual([
      '[░░░░]',
      '[░░░░]',
      '[██░░]',
      '[████]',
      '[████]',
    ]);
  });

  it('says nothing where nothing is known', () => {
    expect([leftText(null), leftText(0), leftText(80_000)]).toEqual(['', '', ', 1m20s left']);
  });
});
