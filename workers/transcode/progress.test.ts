import { describe, expect, it } from 'vitest';
import type { TranscodeProgress } from '../../shared/domain/asset.ts';
import { makeProgressReporter } from './progress.ts';

function record() {
  const written: TranscodeProgress[] = [];
  const time = { ms: 0 };
  const reporter = makeProgressReporter(
    ['video-720p', 'audio-128k'],
    () => time.ms,
    async (progress) => void written.push(progress),
  );
  return { written, time, reporter };
}

describe('progress', () => {
  it('goes through the stages without ever going back or claiming to be done', async () => {
    const { written, time, reporter } = record();
    const steps = [
      () => reporter.stage('download', 1),
      () => reporter.encoded({ renditions: { 'video-720p': 0.5, 'audio-128k': 0.7 }, speed: 2 }),
      () => reporter.encoded({ renditions: { 'video-720p': 0.4, 'audio-128k': 0.9 }, speed: 2 }),
      () => reporter.stage('package'),
      () => reporter.stage('upload', 0.5),
      () => reporter.stage('upload', 1),
      () => reporter.stage('publish', 1),
    ];
    for (const step of steps) {
      time.ms += 1000;
      step();
      await reporter.flush();
    }
    const fractions = written.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBeLessThan(1);
    expect(written[2]?.renditions).toEqual({ 'video-720p': 0.5, 'audio-128k': 0.9 });
    expect(written.at(-1)).toMatchObject({ stage: 'publish', renditions: { 'video-720p': 1, 'audio-128k': 1 } });
  });

  it('writes no oftener than is useful, and the last state always', async () => {
    const { written, time, reporter } = record();
    for (let share = 0; share <= 100; share++) {
      time.ms += 10;
      reporter.stage('upload', share / 100);
    }
    await reporter.flush();
    expect(written.length).toBeLessThan(8);
    expect(written.at(-1)?.fraction).toBeCloseTo(0.98, 9);
  });

  it('survives a place that cannot be written to', async () => {
    const reporter = makeProgressReporter(
      ['video-720p'],
      () => 0,
      () => Promise.reject(new Error('away')),
    );
    reporter.stage('encode', 0.5);
    await reporter.flush();
  });
});
