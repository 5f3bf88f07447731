import { expect, it } from 'vitest';
import { contentTypeOf } from './keys.ts';

it.each([
  ['master.m3u8', 'application/vnd.apple.mpegurl'],
  ['manifest.mpd', 'application/dash+xml'],
  ['video-720p/seg-00000.m4s', 'video/iso.segment'],
  ['video-720p/init.mp4', 'video/mp4'],
  ['audio.m4a', 'audio/mp4'],
  ['seg.ts', 'video/mp2t'],
  ['seg.aac', 'audio/aac'],
  ['seg.mp3', 'audio/mpeg'],
  ['seg.ac3', 'audio/ac3'],
  ['seg.ec3', 'audio/eac3'],
  ['seg.cmfv', 'video/mp4'],
  ['seg.cmfa', 'audio/mp4'],
  ['text/en.vtt', 'text/vtt'],
  ['previews/poster.jpg', 'image/jpeg'],
  ['previews/POSTER.PNG', 'image/png'],
  ['asset.json', 'application/json'],
  ['demand.json.gz', 'application/gzip'],
  ['keys/0011', 'application/octet-stream'],
  ['a.constructor', 'application/octet-stream'],
])('%s is %s', (key, type) => {
  expect(contentTypeOf(key)).toBe(type);
});
