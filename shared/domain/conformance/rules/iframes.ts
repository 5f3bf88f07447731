/** NF5xx: I-frame playlists, by which players scrub. */
import { iframePlaylists, isFmp4, saysVideo } from '../facts.ts';
import { judge, type Rule, verdict, violation } from '../rule.ts';

export const iframeRules: readonly Rule[] = [
  {
    id: 'NF501',
    severity: 'warning',
    requirement: 'There are I-frame playlists.',
    sources: ['Apple 6.1'],
    check: ({ master }) =>
      judge(master?.variants.some(saysVideo) ? [master] : [], ({ uri, iframes }) =>
        verdict(iframes.length > 0, uri, 'no EXT-X-I-FRAME-STREAM-INF', 'at least one'),
      ),
  },
  {
    id: 'NF502',
    severity: 'error',
    requirement: 'I-frame playlists contain EXT-X-I-FRAMES-ONLY.',
    sources: ['Apple 6.8', 'RFC 8216 §4.3.4.3'],
    check: (stream) =>
      judge(iframePlaylists(stream), ({ uri, iframesOnly }) =>
        verdict(iframesOnly, uri, 'no EXT-X-I-FRAMES-ONLY', 'EXT-X-I-FRAMES-ONLY'),
      ),
  },
  {
    id: 'NF503',
    severity: 'error',
    requirement: 'EXT-X-I-FRAME-STREAM-INF has CODECS and RESOLUTION.',
    sources: ['Apple 9.3', 'Apple 9.4'],
    check: ({ master }) =>
      judge(master?.iframes ?? [], ({ uri, codecs, resolution }) => {
        const missing = [codecs ? null : 'CODECS', resolution ? null : 'RESOLUTION'].filter((name) => name !== null);
        return verdict(missing.length === 0, uri, `no ${missing.join(', no ')}`, 'CODECS and RESOLUTION');
      }),
  },
  {
    id: 'NF505',
    severity: 'error',
    requirement: 'Each I-frame segment holds its moof and the whole of one key frame.',
    sources: ['Apple 6.10', 'RFC 8216 §4.3.3.6'],
    check: (stream) =>
      judge(
        iframePlaylists(stream)
          .filter(isFmp4)
          .flatMap(({ uri, segments }) => segments.map((segment) => ({ at: `${uri} ${segment.uri}`, segment }))),
        ({ at, segment: { media } }) => {
          if (!media) return undefined;
          if (media.format !== 'fmp4') return violation(at, 'no moof at its beginning', 'moof');
          if (media.startsWithKeyframe === false) return violation(at, 'another frame', 'a key frame');
          return media.firstSampleWhole === null
            ? undefined
            : verdict(media.firstSampleWhole, at, 'the range ends inside the frame', 'the whole frame');
        },
      ),
  },
  {
    id: 'NF506',
    severity: 'warning',
    requirement: 'Where the video has several bit rates, the I-frames have several too.',
    sources: ['Apple 6.6'],
    check: ({ master }) =>
      judge(master && master.iframes.length > 0 ? [master] : [], ({ uri, iframes, variants }) =>
        verdict(iframes.length > 1 || variants.filter(saysVideo).length < 2, uri, '1 I-frame playlist', 'several'),
      ),
  },
];
