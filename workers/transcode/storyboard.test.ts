import { describe, expect, it } from 'vitest';
import { buildStoryboard, planStoryboard } from './storyboard.ts';

const track = (count: number, width = 1280, height = 720) => ({
  codecs: 'avc1.64001f',
  timescale: 1000,
  width,
  height,
  channels: null,
  sampleRateHz: null,
  videoRange: null,
  initSizeBytes: 700,
  durationTicks: count * 2000,
  samples: count * 60,
  fragments: Array.from({ length: count }, (_, index) => ({
    offset: index,
    sizeBytes: 1,
    startTicks: index * 2000,
    durationTicks: 2000,
    samples: 60,
    startsWithKeyframe: true,
    firstSampleEndBytes: 1,
  })),
});

describe('a storyboard', () => {
  it('shows every key frame of a short film, in one sheet no larger than needed', () => {
    const plan = planStoryboard({ track: track(3) });
    expect(plan).toMatchObject({ times: [0, 2, 4, 6], everyNth: 1, columns: 3, rows: 1, width: 160, height: 90 });
    expect(buildStoryboard(plan, ['sprite-000.jpg'])).toBe(
      [
        'WEBVTT',
        '',
        '00:00:00.000 --> 00:00:02.000',
        'sprite-000.jpg#xywh=0,0,160,90',
        '',
        '00:00:02.000 --> 00:00:04.000',
        'sprite-000.jpg#xywh=160,0,160,90',
        '',
        '00:00:04.000 --> 00:00:06.000',
        'sprite-000.jpg#xywh=320,0,160,90',
        '',
      ].join('\n'),
    );
  });

  it('goes on in the next row and the next sheet', () => {
    const plan = planStoryboard({ track: track(250) });
    const cues = buildStoryboard(plan, ['a.jpg', 'b.jpg', 'c.jpg']).split('\n\n').slice(1);
    expect(cues).toHaveLength(250);
    expect(cues[10]).toMatch(/a\.jpg#xywh=0,90,/);
    expect(cues[100]).toMatch(/^00:03:20.000 .*\nb\.jpg#xywh=0,0,/);
    expect(cues[249]).toMatch(/c\.jpg#xywh=1440,360,160,90/);
  });

  it('of a long film has a limited number of tiles, and portrait tiles for portrait', () => {
    const plan = planStoryboard({ track: track(5400, 720, 1280) });
    expect(plan.everyNth).toBe(14);
    expect(plan.times.length - 1).toBeLessThanOrEqual(400);
    expect([plan.width, plan.height]).toEqual([90, 160]);
  });
});
