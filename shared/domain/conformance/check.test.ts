import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { measureBandwidth } from './bandwidth.ts';
import { checkConformance, rules } from './check.ts';
import type {
  Delivery,
  MasterPlaylist,
  MediaPlaylist,
  MediaTag,
  Segment,
  SegmentMedia,
  Stream,
  TextMedia,
  Variant,
} from './model.ts';

/** Two rungs, one sound, I-frames: twelve seconds at 30 frames a second over HTTP, without a fault. */
const delivery: Delivery = { contentEncoding: 'gzip', contentType: 'application/vnd.apple.mpegurl', redirects: 0 };
const file = { delivery, version: 7, independentSegments: true, mistakes: [] };
const listed = { ...file, failure: null, playlistType: 'VOD', ended: true };

const media = (index: number, sizeBytes: number, frameRate: number | null): SegmentMedia => ({
  format: 'fmp4',
  sizeBytes,
  startS: index * 6,
  durationS: 6,
  startsWithKeyframe: true,
  frameRate,
  firstSampleWhole: true,
});
const segments = (sizeBytes: number, frameRate: number | null): Segment[] =>
  [0, 1].map((index) => ({
    uri: `seg-${index}.m4s`,
    durationS: 6,
    discontinuity: false,
    hasMap: true,
    hasByteRange: false,
    keys: [],
    mapKeys: [],
    media: media(index, sizeBytes, frameRate),
    failure: null,
  }));
const video = (height: number, sizeBytes: number): MediaPlaylist => ({
  ...listed,
  uri: `${height}.m3u8`,
  use: 'variant',
  targetDurationS: 6,
  iframesOnly: false,
  tracks: [
    {
      kind: 'video',
      codec: 'avc1.64001f',
      size: { width: (height * 16) / 9, height },
      channels: null,
      videoRange: 'SDR',
      protection: null,
    },
  ],
  segments: segments(sizeBytes, 30),
});
const sound: MediaPlaylist = {
  ...listed,
  uri: 'sound.m3u8',
  use: 'audio',
  targetDurationS: 6,
  iframesOnly: false,
  tracks: [{ kind: 'audio', codec: 'mp4a.40.2', size: null, channels: 2, videoRange: null, protection: null }],
  segments: segments(75_000, null),
};
const iframes = (height: number): MediaPlaylist => ({
  ...video(height, 0),
  uri: `${height}-iframes.m3u8`,
  use: 'iframes',
  targetDurationS: 2,
  iframesOnly: true,
  segments: [0, 1, 2, 3, 4, 5].map((index) => ({
    uri: `seg-0.m4s@${index}`,
    durationS: 2,
    discontinuity: false,
    hasMap: true,
    hasByteRange: true,
    keys: [],
    mapKeys: [],
    media: { ...media(0, 25_000, 30), startS: index * 2, durationS: null },
    failure: null,
  })),
});
const variant = (height: number, bps: number): Variant => ({
  uri: `${height}.m3u8`,
  bandwidthBps: bps,
  averageBandwidthBps: bps,
  codecs: ['avc1.64001f', 'mp4a.40.2'],
  resolution: { width: (height * 16) / 9, height },
  videoRange: null,
  frameRate: 30,
  audioGroup: 'audio',
  subtitleGroup: null,
});
const master: MasterPlaylist = {
  ...file,
  uri: 'master.m3u8',
  variants: [variant(720, 2_100_000), variant(360, 850_000)],
  iframes: [720, 360].map((height) => ({
    uri: `${height}-iframes.m3u8`,
    bandwidthBps: 100_000,
    averageBandwidthBps: 100_000,
    codecs: ['avc1.64001f'],
    resolution: { width: (height * 16) / 9, height },
    videoRange: null,
  })),
  media: [
    {
      type: 'AUDIO',
      groupId: 'audio',
      name: 'English',
      language: 'en',
      uri: 'sound.m3u8',
      isDefault: true,
      autoselect: true,
      channels: '2',
    },
  ],
};
const good: Stream = {
  master,
  playlists: [video(720, 1_500_000), video(360, 562_500), sound, iframes(720), iframes(360)],
};

const withMaster = (change: Partial<MasterPlaylist>): Stream => ({ ...good, master: { ...master, ...change } });
const withVariant = (change: Partial<Variant>): Stream =>
  withMaster({ variants: [{ ...variant(720, 2_100_000), ...change }, variant(360, 850_000)] });
const withSound = (change: Partial<(typeof master.media)[number]>): Stream =>
  withMaster({ media: master.media.map((tag) => ({ ...tag, ...change })) });
const withPlaylist = (uri: string, change: (playlist: MediaPlaylist) => Partial<MediaPlaylist>): Stream => ({
  ...good,
  playlists: good.playlists.map((playlist) => (playlist.uri === uri ? { ...playlist, ...change(playlist) } : playlist)),
});
const withSegment = (uri: string, at: number, change: (segment: Segment) => Partial<Segment>): Stream =>
  withPlaylist(uri, (playlist) => ({
    segments: playlist.segments.map((segment, index) => (index === at ? { ...segment, ...change(segment) } : segment)),
  }));
const withMedia = (uri: string, at: number, change: Partial<SegmentMedia>): Stream =>
  withSegment(uri, at, ({ media: present }) => ({ media: present && { ...present, ...change } }));

/** The same with its samples encrypted, and with its segments as a whole. */
const sealedBy = (method: string, scheme: string | null, moreBytes = 0): Stream => ({
  ...good,
  playlists: good.playlists.map((playlist) => ({
    ...playlist,
    tracks: playlist.tracks.map((track) => ({ ...track, protection: scheme })),
    segments: playlist.segments.map((segment) => ({
      ...segment,
      keys: [{ method, hasIv: false, saysFormat: true }],
      media: segment.media && { ...segment.media, sizeBytes: Math.ceil(segment.media.sizeBytes / 16) * 16 + moreBytes },
    })),
  })),
});
const sealed = sealedBy('SAMPLE-AES', 'cbcs');
const sealedWhole = sealedBy('AES-128', null);

/** Rule → streams that break it. */
/** The same with subtitles, one cue across the boundary. */
const spoken: TextMedia = { map: { mpegts: 0, localS: 0 }, cues: [{ startS: 5, endS: 7 }], mistake: null };
function texted(
  change: (segment: Segment, index: number) => Partial<Segment>,
  list: Partial<MediaPlaylist> = {},
): Stream {
  const playlist: MediaPlaylist = {
    ...sound,
    uri: 'text.m3u8',
    use: 'subtitles',
    tracks: [],
    segments: segments(100, null).map((segment, index) => {
      const bare = { ...segment, hasMap: false, uri: `text-${index}.vtt` };
      const said = {
        ...media(index, 100, null),
        format: 'webvtt' as const,
        startS: null,
        durationS: null,
        text: spoken,
      };
      const whole = { ...bare, media: { ...said, startsWithKeyframe: null, firstSampleWhole: null } };
      return { ...whole, ...change(whole, index) };
    }),
    ...list,
  };
  const tag: MediaTag = {
    type: 'SUBTITLES',
    groupId: 'text',
    name: 'Deutsch',
    language: 'de',
    uri: 'text.m3u8',
    isDefault: false,
    autoselect: true,
    autoselectSaid: 'YES',
    hasForced: true,
    channels: null,
  };
  const variants = master.variants.map((variant) => ({ ...variant, subtitleGroup: 'text' }));
  return { master: { ...master, variants, media: [...master.media, tag] }, playlists: [...good.playlists, playlist] };
}
const textedGood = texted(() => ({}));
/** Another text in the second segment. */
const withText = (change: Partial<TextMedia>): Stream =>
  texted(({ media: said }, index) =>
    index === 1 && said ? { media: { ...said, text: { ...spoken, cues: [], ...change } } } : {},
  );
const withMediaTag = (change: Partial<MediaTag>): Stream => ({
  ...textedGood,
  master: textedGood.master && {
    ...textedGood.master,
    media: textedGood.master.media.map((tag) => (tag.type === 'SUBTITLES' ? { ...tag, ...change } : tag)),
  },
});

const broken: Readonly<Record<string, readonly Stream[]>> = {
  NF101: [withPlaylist('360.m3u8', () => ({ failure: 'answers 404', segments: [] }))],
  NF102: [withMaster({ mistakes: ['line 3: EXT-X-STREAM-INF without BANDWIDTH'] })],
  NF103: [withMaster({ delivery: { ...delivery, contentEncoding: null } })],
  NF104: [withPlaylist('720.m3u8', () => ({ delivery: { ...delivery, contentType: 'text/plain; charset=utf-8' } }))],
  NF105: [withMaster({ delivery: { ...delivery, redirects: 1 } })],
  NF106: [
    withPlaylist('720.m3u8', () => ({ version: 4 })),
    withPlaylist('720-iframes.m3u8', () => ({ version: null })),
  ],
  NF201: [withSegment('720.m3u8', 1, () => ({ durationS: 6.5 }))],
  NF202: [withPlaylist('720.m3u8', () => ({ targetDurationS: 10 }))],
  NF203: [withPlaylist('720.m3u8', () => ({ playlistType: null }))],
  NF204: [withPlaylist('720.m3u8', () => ({ ended: false }))],
  NF205: [withSegment('720.m3u8', 0, () => ({ hasMap: false }))],
  NF206: [withPlaylist('sound.m3u8', () => ({ targetDurationS: 7 }))],
  NF207: [withPlaylist('sound.m3u8', ({ segments: [first] }) => ({ segments: first ? [first] : [] }))],
  NF208: [
    withSegment('360.m3u8', 0, () => ({ durationS: 5 })),
    withPlaylist('360.m3u8', ({ segments: [first] }) => ({ segments: first ? [{ ...first, durationS: 12 }] : [] })),
  ],
  NF209: [withSegment('sound.m3u8', 0, () => ({ durationS: 5 }))],
  NF210: [
    { ...withMaster({ independentSegments: false }), playlists: [{ ...video(720, 1), independentSegments: false }] },
  ],
  NF211: [withSegment('360.m3u8', 1, () => ({ discontinuity: true }))],
  NF212: [
    withMedia('720.m3u8', 1, { startS: 6.1 }),
    withMedia('720.m3u8', 0, { durationS: 5.9 }),
    withSegment('720.m3u8', 0, () => ({ durationS: 6.2 })),
  ],
  NF301: [withSegment('720.m3u8', 0, () => ({ media: null, failure: 'answers 404' }))],
  NF302: [withMedia('720.m3u8', 1, { startsWithKeyframe: false })],
  NF303: [withSegment('720-iframes.m3u8', 1, () => ({ durationS: 10 }))],
  NF304: [withMedia('720.m3u8', 1, { startS: 6.03 })],
  NF401: [withVariant({ codecs: null })],
  NF402: [
    withVariant({ codecs: ['avc1.64001f'] }),
    withVariant({ codecs: ['avc1.640020', 'mp4a.40.2'] }),
    withVariant({ codecs: ['avc1.64001f', 'mp4a.40.2', 'ac-3'] }),
  ],
  NF403: [withVariant({ resolution: null })],
  NF404: [withVariant({ resolution: { width: 1280, height: 722 } })],
  NF405: [withVariant({ frameRate: null })],
  NF406: [withVariant({ frameRate: 25 })],
  NF407: [withVariant({ frameRate: 120 })],
  NF408: [withVariant({ averageBandwidthBps: null })],
  NF409: [withVariant({ bandwidthBps: 1_800_000 })],
  NF410: [withVariant({ averageBandwidthBps: 1_800_000 })],
  NF411: [withVariant({ bandwidthBps: 2_500_000 }), withVariant({ averageBandwidthBps: 2_500_000 })],
  NF412: [
    withPlaylist('720.m3u8', ({ segments: [first, second] }) => ({
      segments: first && second ? [first, ...new Array(3).fill({ ...second, media: media(1, 10, 30) })] : [],
    })),
  ],
  NF413: [withMaster({ variants: [variant(720, 2_100_000)] })],
  NF414: [withVariant({ resolution: { width: 960, height: 720 } })],
  NF415: [withMaster({ variants: master.variants.toReversed() })],
  NF416: [
    withVariant({ audioGroup: 'other' }),
    withVariant({ subtitleGroup: 'text' }),
    withMaster({ media: [...master.media, ...master.media] }),
    withMaster({ media: [...master.media, ...master.media.map((tag) => ({ ...tag, name: 'Deutsch' }))] }),
  ],
  NF417: [withSound({ language: null })],
  NF418: [withSound({ channels: null }), withSound({ channels: '6' })],
  NF419: [
    withPlaylist('720.m3u8', ({ tracks }) => ({ tracks: [...tracks, ...sound.tracks] })),
    { master: { ...master, variants: [{ ...variant(720, 1), audioGroup: null }] }, playlists: [] },
  ],
  NF420: [
    withPlaylist('720.m3u8', ({ tracks }) => ({
      tracks: tracks.map((track) => ({ ...track, videoRange: 'PQ' as const })),
    })),
    withVariant({ videoRange: 'PQ' }),
    withMaster({ iframes: master.iframes.map((tag) => ({ ...tag, videoRange: 'HLG' })) }),
  ],
  NF421: [withVariant({ codecs: ['hev1.1.6.L93.B0', 'mp4a.40.2'] })],
  NF422: [withVariant({ codecs: ['avc1.640035', 'mp4a.40.2'] }), withVariant({ codecs: ['hvc1.2.4.L156.B0'] })],
  NF423: [withMaster({ variants: master.variants.map((tag) => ({ ...tag, videoRange: 'PQ' })) })],
  NF424: [withMaster({ variants: master.variants.map((tag) => ({ ...tag, codecs: ['hvc1.1.6.L93.B0'] })) })],
  NF425: [
    withMaster({ variants: [...master.variants, { ...variant(720, 1), codecs: ['av01.0.05M.08', 'mp4a.40.2'] }] }),
  ],
  NF501: [withMaster({ iframes: [] })],
  NF502: [withPlaylist('720-iframes.m3u8', () => ({ iframesOnly: false }))],
  NF503: [withMaster({ iframes: master.iframes.map((tag) => ({ ...tag, codecs: null })) })],
  NF504: [withMaster({ iframes: master.iframes.map((tag) => ({ ...tag, bandwidthBps: 50_000 })) })],
  NF505: [
    withMedia('720-iframes.m3u8', 2, { firstSampleWhole: false }),
    withMedia('720-iframes.m3u8', 2, { format: 'other' }),
    withMedia('720-iframes.m3u8', 2, { startsWithKeyframe: false }),
  ],
  NF506: [withMaster({ iframes: master.iframes.slice(0, 1) })],
  NF507: [withMaster({ iframes: master.iframes.map((tag) => ({ ...tag, videoRange: 'PQ' })) })],
  NF508: [withMaster({ iframes: master.iframes.map((tag) => ({ ...tag, codecs: ['hvc1.2.4.L93.B0'] })) })],
  NF601: [sealedBy('AES-128', null, 1)],
  NF602: [
    {
      ...sealedWhole,
      playlists: sealedWhole.playlists.map((playlist) => ({
        ...playlist,
        segments: playlist.segments.map((segment) => ({ ...segment, mapKeys: segment.keys })),
      })),
    },
  ],
  NF603: [sealedBy('SAMPLE-AES', 'cenc')],
  NF604: [sealedBy('SAMPLE-AES', null), sealedBy('NONE', 'cbcs')],
  NF701: [texted(({ media }) => ({ media: media && { ...media, format: 'other' } }))],
  NF702: [withText({ mistake: 'line 3: these are no times' })],
  NF703: [withText({ cues: [{ startS: 5, endS: 6.5 }] })],
  NF704: [withText({ cues: [{ startS: 40, endS: 41 }] })],
  NF705: [withText({ map: null })],
  NF706: [texted(() => ({ durationS: 5 }))],
  NF707: [texted(() => ({}), { playlistType: null, targetDurationS: 12 })],
  NF708: [withMediaTag({ uri: null })],
  NF709: [withMediaTag({ isDefault: true, autoselectSaid: 'NO' }), withMediaTag({ type: 'AUDIO', hasForced: true })],
  NF710: [withMediaTag({ language: 'german!' })],
  NF711: [
    {
      ...textedGood,
      master: withMaster({
        variants: master.variants.map((tag, index) => ({ ...tag, subtitleGroup: index ? null : 'text' })),
      }).master,
    },
  ],
};

const brokenRules = (stream: Stream): string[] => checkConformance(stream).findings.map(({ rule }) => rule);

describe('conformance', () => {
  it('finds nothing in a stream without a fault, and can judge it by every rule', () => {
    const report = checkConformance(good);
    expect(report.findings).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.rules.filter(({ id, looked }) => looked === 0 && !/^NF[67]/.test(id))).toEqual([]);
  });

  it('finds nothing in encrypted streams without a fault', () => {
    for (const stream of [sealed, sealedWhole]) expect(checkConformance(stream).findings).toEqual([]);
  });

  it('finds nothing in subtitles without a fault, and can judge them by every rule', () => {
    const report = checkConformance(textedGood);
    expect(report.findings).toEqual([]);
    expect(report.rules.filter(({ id, looked }) => looked === 0 && id.startsWith('NF7'))).toEqual([]);
  });

  it('has a broken stream for every rule', () => {
    expect(Object.keys(broken)).toEqual(rules.map(({ id }) => id));
  });

  it.each(
    Object.entries(broken).flatMap(([id, streams]) => streams.map((stream, index) => [id, index, stream] as const)),
  )('%s is found broken (case %i)', (id, _index, stream) => {
    expect(brokenRules(stream)).toContain(id);
  });

  it('lets AV1 leave out the colours in CODECS, and says nothing of what else it names', () => {
    const av1 = (said: string, real: string) => ({
      master: { ...master, variants: [{ ...variant(720, 2_100_000), codecs: [said, 'mp4a.40.2'] }] },
      playlists: [
        { ...video(720, 1_500_000), tracks: video(720, 0).tracks.map((track) => ({ ...track, codec: real })) },
        sound,
      ],
    });
    expect(brokenRules(av1('av01.0.05M.10', 'av01.0.05M.10.0.110.09.16.09.0'))).not.toContain('NF402');
    expect(brokenRules(av1('av01.0.05M.10.0.110.01.01.01.0', 'av01.0.05M.10'))).not.toContain('NF402');
    expect(brokenRules(av1('av01.0.05M.08', 'av01.0.05M.10'))).toContain('NF402');
  });

  it('does not guess where media were not looked at', () => {
    const unseen: Stream = {
      ...good,
      playlists: good.playlists.map((playlist) => ({
        ...playlist,
        tracks: [],
        segments: playlist.segments.map((segment) => ({ ...segment, media: null })),
      })),
    };
    const report = checkConformance(unseen);
    expect(report.findings).toEqual([]);
    const unjudged = report.rules.filter(({ looked }) => looked === 0).map(({ id }) => id);
    expect(unjudged).toEqual(expect.arrayContaining(['NF301', 'NF302', 'NF402', 'NF409', 'NF504']));
  });

  it('judges what is still being made by what is there', () => {
    const unfinished: Stream = {
      master: good.master && {
        ...good.master,
        variants: good.master.variants.map((variant) => ({
          ...variant,
          bandwidthBps: (variant.bandwidthBps ?? 0) * 2,
        })),
      },
      playlists: good.playlists.map((playlist, index) => ({
        ...playlist,
        playlistType: 'EVENT',
        ended: false,
        // The first was read before the others grew.
        segments: playlist.segments.slice(0, index === 0 ? 1 : 2),
      })),
    };
    const report = checkConformance(unfinished);
    expect(report.findings).toEqual([]);
    expect(report.unfinished).toEqual(good.playlists.map(({ uri }) => uri));
    const unjudged = report.rules.filter(({ looked }) => looked === 0).map(({ id }) => id);
    expect(unjudged).toEqual(expect.arrayContaining(['NF203', 'NF204', 'NF207', 'NF410', 'NF411', 'NF412']));
    expect(checkConformance(good).unfinished).toEqual([]);
  });

  it('puts errors first and is not ok with one', () => {
    const report = checkConformance(withVariant({ frameRate: 120, codecs: null }));
    expect(report.ok).toBe(false);
    expect(report.findings[0]?.severity).toBe('error');
    expect(report.counts.error).toBeGreaterThan(0);
  });

  it('has exactly the rules that docs/packaging.md lists, with severity and sources', async () => {
    const page = await readFile(new URL('../../../docs/packaging.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| (NF\d+) \| (\w+) \| (.+) \| (.+) \|$/gm)].map((match) => match.slice(1));
    expect(documented).toEqual(
      rules.map(({ id, severity, requirement, sources }) => [id, severity, requirement, sources.join(', ')]),
    );
  });
});

describe('a measured bandwidth', () => {
  const of = (...segments: readonly (readonly [durationS: number, sizeBytes: number])[]) =>
    measureBandwidth(
      segments.map(([durationS, sizeBytes]) => ({ durationS, sizeBytes })),
      6,
    );

  it('is the peak over whole segments, and a short rest does not count alone', () => {
    expect(of([6, 750_000], [6, 1_500_000], [1, 1_000_000])).toEqual({
      peakBps: (2_500_000 * 8) / 7,
      averageBps: (3_250_000 * 8) / 13,
    });
  });

  it('of less than half a segment is the average', () => {
    expect(of([1, 1_000])).toEqual({ peakBps: 8_000, averageBps: 8_000 });
    expect(of()).toEqual({ peakBps: 0, averageBps: 0 });
  });
});
