/** NF423–NF425, NF507 and NF508: what is offered beside HDR and beside newer codecs. */
import { saysVideo, videoCodecOf } from '../facts.ts';
import type { MasterPlaylist, Stream, StreamTag, Variant } from '../model.ts';
import { judge, type Rule, verdict } from '../rule.ts';

const videos = ({ master }: Stream): readonly Variant[] => (master?.variants ?? []).filter(saysVideo);
const iframes = ({ master }: Stream): MasterPlaylist['iframes'] => master?.iframes ?? [];
const uriOf = ({ master }: Stream): string => master?.uri ?? '';

const isSdr = ({ videoRange }: StreamTag): boolean => (videoRange ?? 'SDR') === 'SDR';
const isAvc = (tag: StreamTag): boolean => videoCodecOf(tag) === 'avc';

/** Judged where there are any whose kind is stated. */
const anyOf = (stream: Stream, tags: readonly StreamTag[], test: (tag: StreamTag) => boolean, expected: string) =>
  judge(tags.slice(0, 1), () => {
    const kinds = [...new Set(tags.map(kindOf))].join(', ');
    return verdict(tags.some(test), uriOf(stream), kinds, expected);
  });

const stated = (tags: readonly StreamTag[]): StreamTag[] => tags.filter((tag) => videoCodecOf(tag) !== null);
const kindOf = (tag: StreamTag): string => `${videoCodecOf(tag) ?? 'unknown'} ${tag.videoRange ?? 'SDR'}`;

export const codecVariantRules: readonly Rule[] = [
  {
    id: 'NF423',
    severity: 'warning',
    requirement: 'There is SDR video, also where there is HDR.',
    sources: ['Apple 1.24'],
    check: (stream) => anyOf(stream, videos(stream), isSdr, 'SDR beside it'),
  },
  {
    id: 'NF424',
    severity: 'warning',
    requirement: 'Some of the video is H.264.',
    sources: ['Apple 1.12'],
    check: (stream) => anyOf(stream, stated(videos(stream)), isAvc, 'H.264 beside it'),
  },
  {
    id: 'NF425',
    severity: 'warning',
    requirement: 'Where one codec and range of video has several bit rates, each has.',
    sources: ['Apple 1.23'],
    check: (stream) => {
      const groups = Map.groupBy(stated(videos(stream)), kindOf);
      const most = Math.max(0, ...[...groups.values()].map(({ length }) => length));
      return judge([...groups], ([kind, { length }]) =>
        verdict(most < 2 || length > 1, uriOf(stream), `${length} variant of ${kind}`, 'several'),
      );
    },
  },
];

export const codecIframeRules: readonly Rule[] = [
  {
    id: 'NF507',
    severity: 'warning',
    requirement: 'There are SDR I-frames, also where there are HDR ones.',
    sources: ['Apple 6.16'],
    check: (stream) => anyOf(stream, iframes(stream), isSdr, 'SDR I-frames beside them'),
  },
  {
    id: 'NF508',
    severity: 'warning',
    requirement: 'Some of the I-frames are H.264.',
    sources: ['Apple 6.14'],
    check: (stream) => anyOf(stream, stated(iframes(stream)), isAvc, 'H.264 I-frames beside them'),
  },
];
