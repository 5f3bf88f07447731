import { describe, expect, it } from 'vitest';
import { relativeUris } from './relative-uris.ts';

const base = 'https://media.example/talk/';
const rewrite = (line: string, path = 'video/index.m3u8', url = base + path) => relativeUris(line, url, base, path);

describe('the addresses of a playlist that was fetched', () => {
  it.each([
    ['https://media.example/talk/video/seg-1.ts', 'seg-1.ts'],
    ['https://media.example/talk/audio/seg-1.ts', '../audio/seg-1.ts'],
    ['/talk/video/seg-1.ts', 'seg-1.ts'],
    ['//media.example/talk/init.mp4', '../init.mp4'],
    [
      '#EXT-X-MAP:URI="https://media.example/talk/video/init.mp4",BYTERANGE="700@0"',
      '#EXT-X-MAP:URI="init.mp4",BYTERANGE="700@0"',
    ],
    [
      '#EXT-X-MEDIA:TYPE=AUDIO,NAME="a",URI="/talk/audio/a.m3u8"',
      '#EXT-X-MEDIA:TYPE=AUDIO,NAME="a",URI="../audio/a.m3u8"',
    ],
    ['  /talk/video/a.ts\r', '  a.ts\r'],
  ])('%s', (line, expected) => {
    expect(rewrite(line)).toBe(expected);
  });

  it.each(['seg-1.ts', '../audio/a.ts', './a.ts', '#EXTINF:2,https://media.example/talk/x', '# /talk/a', ''])(
    'stay as they are where they are right: %s',
    (line) => {
      expect(rewrite(line)).toBe(line);
    },
  );

  it.each([
    'https://media.example/talks/a.ts',
    'http://media.example/talk/a.ts',
    '/other/a.ts',
    '../../a.ts',
    'data:,x',
  ])('stay as they are where they lead elsewhere: %s', (line) => {
    expect(rewrite(line)).toBe(line);
  });

  it('are those of the place that a redirect led to', () => {
    expect(rewrite('seg-1.ts', 'index.m3u8', `${base}v2/index.m3u8`)).toBe('v2/seg-1.ts');
    expect(rewrite('seg-1.ts', 'v1/index.m3u8', `${base}v2/index.m3u8`)).toBe('../v2/seg-1.ts');
  });
});
