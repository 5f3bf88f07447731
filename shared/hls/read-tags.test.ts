import { describe, expect, it } from 'vitest';
import { readTags } from './read-tags.ts';

const media = (...lines: string[]) => readTags(['#EXTM3U', '#EXT-X-TARGETDURATION:6', ...lines].join('\r\n'));

describe('tags as they stand', () => {
  it('are read with their attributes', () => {
    const {
      kind,
      variants,
      media: renditions,
      iframes,
      mistakes,
    } = readTags(
      [
        '#EXTM3U',
        '# a comment, with BANDWIDTH=1',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="One, two",URI="a.m3u8"',
        '#EXT-X-STREAM-INF:BANDWIDTH=1000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=640x360,AUDIO="a"',
        'v.m3u8?token=1',
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=10,URI="i.m3u8"',
      ].join('\n'),
    );
    expect([kind, mistakes]).toEqual(['master', []]);
    expect(variants[0]?.uri).toBe('v.m3u8?token=1');
    expect(variants[0]?.attributes.get('CODECS')).toBe('avc1.64001f,mp4a.40.2');
    expect(renditions[0]?.get('NAME')).toBe('One, two');
    expect(iframes[0]?.uri).toBe('i.m3u8');
  });

  it('apply to the segments after them', () => {
    const { segments, ended } = media(
      '#EXT-X-MAP:URI="m.mp4",BYTERANGE="700@0"',
      '#EXTINF:6.006,',
      '#EXT-X-BYTERANGE:1000@700',
      'm.mp4',
      '#EXTINF:6,a title',
      '#EXT-X-BYTERANGE:500',
      'm.mp4',
      '#EXT-X-DISCONTINUITY',
      '#EXT-X-KEY:METHOD=AES-128,URI="k"',
      '#EXTINF:2',
      'other.mp4',
      '#EXT-X-ENDLIST',
    );
    const map = { uri: 'm.mp4', byteRange: { offset: 0, length: 700 }, keys: [] };
    const plain = { discontinuity: false, gap: false, keys: [], map };
    const key = { method: 'AES-128', uri: 'k', hasIv: false, keyFormat: 'identity', saysFormat: false };
    expect(ended).toBe(true);
    expect(segments).toEqual([
      { ...plain, uri: 'm.mp4', durationS: 6.006, byteRange: { offset: 700, length: 1000 } },
      { ...plain, uri: 'm.mp4', durationS: 6, byteRange: { offset: 1700, length: 500 } },
      { uri: 'other.mp4', durationS: 2, byteRange: null, map, gap: false, discontinuity: true, keys: [key] },
    ]);
  });
});

it('keys hold until another of their format, or none', () => {
  const { segments, mistakes } = media(
    ...[
      '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="a"',
      '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="b",KEYFORMAT="x"',
      '#EXTINF:1,',
      '1.mp4',
    ],
    ...['#EXT-X-KEY:METHOD=SAMPLE-AES,URI="c"', '#EXTINF:1,', '2.mp4'],
    ...['#EXT-X-KEY:METHOD=NONE', '#EXTINF:1,', '3.mp4'],
  );
  expect(segments.map(({ keys }) => keys.map(({ uri }) => uri))).toEqual([['a', 'b'], ['b', 'c'], []]);
  expect(mistakes).toEqual([]);
});

describe('mistakes', () => {
  it.each([
    ['a segment without EXTINF', ['a.ts']],
    ['EXT-X-KEY without URI', ['#EXT-X-KEY:METHOD=AES-128']],
    ['EXT-X-KEY: METHOD=NONE with other attributes', ['#EXT-X-KEY:METHOD=NONE,URI="k"']],
    ['EXT-X-KEY: IV is no 128-bit hexadecimal number', ['#EXT-X-KEY:METHOD=AES-128,URI="k",IV=12']],
    ['EXTINF without a decimal duration', ['#EXTINF:six,', 'a.ts']],
    ['EXT-X-BYTERANGE without an offset', ['#EXTINF:6,', '#EXT-X-BYTERANGE:10', 'a.ts']],
    ['"10 to 20" is no byte range', ['#EXTINF:6,', '#EXT-X-BYTERANGE:10 to 20', 'a.ts']],
    ['EXT-X-TARGETDURATION a second time', ['#EXT-X-TARGETDURATION:6', '#EXTINF:6,', 'a.ts']],
    ['EXT-X-VERSION is no whole number', ['#EXT-X-VERSION:3.5', '#EXTINF:6,', 'a.ts']],
    ['EXT-X-STREAM-INF in a media playlist', ['#EXTINF:6,', 'a.ts', '#EXT-X-STREAM-INF:BANDWIDTH=1', 'b.m3u8']],
    ['EXT-X-MAP without URI', ['#EXT-X-MAP:BYTERANGE="1@0"', '#EXTINF:6,', 'a.ts']],
    ['no segments', []],
  ])('%s', (mistake, lines) => {
    expect(media(...lines).mistakes.join('; ')).toContain(mistake);
  });

  it('are found in multivariant playlists', () => {
    const master = (...lines: string[]) => readTags(['#EXTM3U', ...lines].join('\n')).mistakes.join('; ');
    expect(master('#EXT-X-STREAM-INF:CODECS="a"', 'v.m3u8')).toContain('line 2: EXT-X-STREAM-INF without BANDWIDTH');
    expect(master('#EXT-X-STREAM-INF:BANDWIDTH=1,BANDWIDTH=2', 'v')).toContain('BANDWIDTH a second time');
    expect(master('#EXT-X-STREAM-INF:BANDWIDTH=1,oops', 'v')).toContain('"oops" is no attribute');
    expect(master('#EXT-X-STREAM-INF:BANDWIDTH=1')).toContain('without a URI line');
    expect(master('#EXT-X-STREAM-INF:BANDWIDTH=1', 'v', 'w')).toContain('a URI without EXT-X-STREAM-INF');
  });

  it('do not pile up without end', () => {
    expect(media(...new Array(1000).fill('a.ts')).mistakes).toHaveLength(20);
  });
});

it.each(['', 'hello', '<html>', ' #EXTM3U'])('%j is refused', (text) => {
  expect(() => readTags(text)).toThrow('does not begin with #EXTM3U');
});
