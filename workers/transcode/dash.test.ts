import { XMLParser } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { buildMpd, type DashRendition } from './dash.ts';

const segments = (...ticks: number[]) =>
  ticks.map((durationTicks, index) => ({
    offset: 0,
    sizeBytes: 1,
    startTicks: ticks.slice(0, index).reduce((sum, length) => sum + length, 0),
    durationTicks,
  }));
const video = (id: string, width: number): DashRendition => ({
  id,
  kind: 'video',
  codecs: 'avc1.64001f',
  bandwidthBps: width * 1000,
  width,
  height: (width * 9) / 16,
  channels: null,
  sampleRateHz: null,
  timescale: 30_000,
  segments: segments(180_180, 180_180, 179_179, 60_060),
  single: null,
});
const audio: DashRendition = {
  ...video('audio-128k', 0),
  kind: 'audio',
  codecs: 'mp4a.40.2',
  width: null,
  height: null,
  channels: 2,
  sampleRateHz: 48_000,
  timescale: 48_000,
  segments: segments(294_912, 287_744),
};
const input = {
  durationS: 19.98665,
  targetDurationS: 6,
  frameRate: { numerator: 30_000, denominator: 1001 },
  initTemplate: '$RepresentationID$/init.mp4',
  protection: null,
  mediaTemplate: '$RepresentationID$/seg-$Number%05d$.m4s',
};
const parse = (xml: string) =>
  new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', isArray: (name) => name === 'S' }).parse(xml).MPD;

describe('the DASH manifest', () => {
  it('gives video one timeline, with repeats, and every rung its codec and size', () => {
    const mpd = parse(buildMpd({ ...input, renditions: [video('video-720p', 1280), video('video-360p', 640), audio] }));
    expect(mpd).toMatchObject({
      type: 'static',
      mediaPresentationDuration: 'PT19.98665S',
      maxSegmentDuration: 'PT6.144S',
    });
    const [pictures, sound] = mpd.Period.AdaptationSet;
    expect(pictures).toMatchObject({ contentType: 'video', frameRate: '30000/1001', segmentAlignment: 'true' });
    expect(pictures.SegmentTemplate).toMatchObject({
      timescale: '30000',
      startNumber: '0',
      ...{ media: input.mediaTemplate },
    });
    expect(pictures.SegmentTemplate.SegmentTimeline.S).toEqual([
      { t: '0', d: '180180', r: '1' },
      { d: '179179' },
      { d: '60060' },
    ]);
    expect(pictures.Representation).toMatchObject([
      { id: 'video-720p', codecs: 'avc1.64001f', bandwidth: '1280000', width: '1280', height: '720' },
      { id: 'video-360p', width: '640' },
    ]);
    expect(sound.Representation).toMatchObject({
      audioSamplingRate: '48000',
      AudioChannelConfiguration: { value: '2' },
    });
  });

  it('gives every codec and range a set of its own, and says the colours of HDR', () => {
    const other = (id: string, codecs: string, videoRange: 'PQ' | 'HLG'): DashRendition => ({
      ...video(id, 640),
      ...{ codecs, videoRange },
    });
    const renditions = [video('a', 640), other('b', 'hvc1.2.4.L93.B0', 'PQ'), other('c', 'hvc1.2.4.L93.B0', 'HLG')];
    const [plain, pq, hlg] = parse(buildMpd({ ...input, renditions })).Period.AdaptationSet;
    expect([plain, pq, hlg].map((set) => set.Representation.id)).toEqual(['a', 'b', 'c']);
    expect(plain.EssentialProperty).toBeUndefined();
    const transfer = { schemeIdUri: 'urn:mpeg:mpegB:cicp:TransferCharacteristics' };
    expect(pq.EssentialProperty).toContainEqual({ ...transfer, value: '16' });
    expect(hlg.EssentialProperty).toHaveLength(2);
    expect(hlg.SupplementalProperty).toEqual({ ...transfer, value: '18' });
  });

  it('gives every choice of sound a set of its own, with its language', () => {
    const german: DashRendition = { ...audio, id: 'audio2-128k', language: 'de', name: 'Deutsch' };
    const mpd = parse(buildMpd({ ...input, renditions: [video('video-720p', 1280), audio, german] }));
    const [, first, second] = mpd.Period.AdaptationSet;
    expect([first.id, first.Role.value, first.lang]).toEqual(['1', 'main', undefined]);
    expect([second.id, second.Role.value, second.lang, second.Label]).toEqual(['2', 'alternate', 'de', 'Deutsch']);
  });

  it('addresses single files by their index', () => {
    const single = {
      path: 'video-720p/media.mp4',
      init: { offset: 0, length: 700 },
      index: { offset: 700, length: 88 },
    };
    const mpd = parse(buildMpd({ ...input, renditions: [{ ...video('video-720p', 1280), single }] }));
    const set = mpd.Period.AdaptationSet;
    expect(mpd.profiles).toContain('isoff-on-demand');
    expect(set.SegmentTemplate).toBeUndefined();
    expect(set.subsegmentStartsWithSAP).toBe('1');
    expect(set.Representation).toMatchObject({
      BaseURL: 'video-720p/media.mp4',
      SegmentBase: { indexRange: '700-787', Initialization: { range: '0-699' } },
    });
  });

  it('has no audio set for a silent asset', () => {
    const mpd = parse(buildMpd({ ...input, renditions: [video('video-720p', 1280)] }));
    expect(mpd.Period.AdaptationSet).toMatchObject({ contentType: 'video' });
  });
});
