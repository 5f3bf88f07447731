/** NF4xx: what the multivariant playlist states, by itself and of its media. */
import { audioTags, combinationOf, isVideoCodec, playlistOf, saysVideo, trackOf, videoCodecOf } from '../facts.ts';
import type { Stream, Variant } from '../model.ts';
import { judge, type Rule, type Violation, verdict } from '../rule.ts';

const variantsOf = ({ master }: Stream): readonly Variant[] => master?.variants ?? [];
const videoVariants = (stream: Stream): Variant[] =>
  variantsOf(stream).filter((variant) => {
    const { own } = combinationOf(stream, variant);
    return own && own.tracks.length > 0 ? trackOf(own, 'video') !== null : saysVideo(variant);
  });
const audioMedia = ({ master }: Stream) => (master?.media ?? []).filter(({ type }) => type === 'AUDIO');

const perVariant = (test: (variant: Variant, stream: Stream) => Violation | null | undefined) => (stream: Stream) =>
  judge(variantsOf(stream), (variant) => test(variant, stream));
const perVideo = (test: (variant: Variant, stream: Stream) => Violation | null | undefined) => (stream: Stream) =>
  judge(videoVariants(stream), (variant) => test(variant, stream));

/** What AV1's long form says of colours is judged by VIDEO-RANGE; it may be left out, and is where it is the default. */
const codecKey = (codec: string): string =>
  codec
    .trim()
    .toLowerCase()
    .replace(/^(av01(?:\.[^.]+){3})\..*$/, '$1');

/** `avc1.64001f` → profile 100, level 31. */
function avcLevel(codec: string): { readonly profile: number; readonly level: number } | null {
  const match = /^avc[1-4]\.([0-9a-f]{2})[0-9a-f]{2}([0-9a-f]{2})$/i.exec(codec);
  return match ? { profile: Number.parseInt(match[1] ?? '', 16), level: Number.parseInt(match[2] ?? '', 16) } : null;
}

/** `hvc1.2.4.L123.B0` → profile 2, level 123 (30 times the level's number). */
function hevcLevel(codec: string): { readonly profile: number; readonly level: number } | null {
  const match = /^(?:hvc1|hev1)\.[A-C]?(\d+)\.[0-9a-f]+\.[LH](\d+)/i.exec(codec);
  return match ? { profile: Number(match[1]), level: Number(match[2]) } : null;
}

const aspect = ({ width, height }: { readonly width: number; readonly height: number }): number => width / height;

export const multivariantRules: readonly Rule[] = [
  {
    id: 'NF401',
    severity: 'error',
    requirement: 'Every variant has CODECS.',
    sources: ['Apple 9.1', 'RFC 8216 §4.3.4.2'],
    check: perVariant(({ uri, codecs }) => verdict(codecs !== null, uri, 'no CODECS', 'CODECS')),
  },
  {
    id: 'NF402',
    severity: 'error',
    requirement:
      'CODECS names the formats of the variant and of its audio group, as their init segments do, and no other.',
    sources: ['RFC 8216 §4.3.4.2', 'Apple 9.1'],
    check: perVariant((variant, stream) => {
      const { own, audio } = combinationOf(stream, variant);
      const parts = [...(own ? [own] : []), ...audio];
      if (variant.codecs === null || parts.length === 0 || parts.some(({ tracks }) => tracks.length === 0))
        return undefined;
      const inMedia = new Set(parts.flatMap(({ tracks }) => tracks.map(({ codec }) => codecKey(codec))));
      const said = new Set(variant.codecs.map(codecKey).filter((codec) => !/^(wvtt|stpp)/.test(codec)));
      const same = inMedia.size === said.size && [...inMedia].every((codec) => said.has(codec));
      return verdict(same, variant.uri, [...said].join(','), [...inMedia].join(','));
    }),
  },
  {
    id: 'NF403',
    severity: 'error',
    requirement: 'Every variant with video has RESOLUTION.',
    sources: ['Apple 9.2'],
    check: perVideo(({ uri, resolution }) => verdict(resolution !== null, uri, 'no RESOLUTION', 'RESOLUTION')),
  },
  {
    id: 'NF404',
    severity: 'error',
    requirement: 'RESOLUTION is the size at which the video is displayed.',
    sources: ['RFC 8216 §4.3.4.2'],
    check: perVideo((variant, stream) => {
      const size = trackOf(combinationOf(stream, variant).own, 'video')?.size;
      const { resolution, uri } = variant;
      if (!size || !resolution) return undefined;
      const same = Math.abs(size.width - resolution.width) <= 1 && Math.abs(size.height - resolution.height) <= 1;
      return verdict(same, uri, `${resolution.width}x${resolution.height}`, `${size.width}x${size.height}`);
    }),
  },
  {
    id: 'NF405',
    severity: 'error',
    requirement: 'Every variant with video has FRAME-RATE.',
    sources: ['Apple 9.15'],
    check: perVideo(({ uri, frameRate }) => verdict(frameRate !== null, uri, 'no FRAME-RATE', 'FRAME-RATE')),
  },
  {
    id: 'NF406',
    severity: 'error',
    requirement: 'FRAME-RATE is that of the video, to 1%.',
    sources: ['RFC 8216 §4.3.4.2'],
    check: perVideo((variant, stream) => {
      const rates = combinationOf(stream, variant).own?.segments.flatMap(({ media }) => media?.frameRate ?? []) ?? [];
      if (variant.frameRate === null || rates.length === 0) return undefined;
      const fastest = Math.max(...rates);
      const same = Math.abs(variant.frameRate / fastest - 1) <= 0.01;
      return verdict(same, variant.uri, `${variant.frameRate}`, `${Number(fastest.toFixed(3))} by the time stamps`);
    }),
  },
  {
    id: 'NF407',
    severity: 'warning',
    requirement: 'No video has more than 60 frames a second.',
    sources: ['Apple 1.19'],
    check: perVideo(({ uri, frameRate }) =>
      frameRate === null ? undefined : verdict(frameRate <= 60, uri, `${frameRate}`, 'at most 60'),
    ),
  },
  {
    id: 'NF408',
    severity: 'error',
    requirement: 'Every variant has AVERAGE-BANDWIDTH.',
    sources: ['Apple 9.14'],
    check: perVariant(({ uri, averageBandwidthBps }) =>
      verdict(averageBandwidthBps !== null, uri, 'no AVERAGE-BANDWIDTH', 'AVERAGE-BANDWIDTH'),
    ),
  },
  {
    id: 'NF413',
    severity: 'warning',
    requirement: 'There are several bit rates of video.',
    sources: ['Apple 9.9'],
    check: (stream) => {
      const videos = videoVariants(stream);
      return judge(videos.slice(0, 1), () =>
        verdict(videos.length > 1, stream.master?.uri ?? '', '1 variant with video', 'more than one'),
      );
    },
  },
  {
    id: 'NF414',
    severity: 'warning',
    requirement: 'All variants have the same aspect ratio, to 2%.',
    sources: ['Apple 1.33'],
    check: (stream) => {
      const sized = videoVariants(stream).flatMap(({ uri, resolution }) => (resolution ? [{ uri, resolution }] : []));
      const largest = sized.toSorted((a, b) => b.resolution.height - a.resolution.height)[0];
      return judge(sized, ({ uri, resolution }) => {
        if (!largest) return undefined;
        // Sides are whole and even, so a small picture cannot be more exact than that.
        const tolerance = Math.max(0.02, 2 / resolution.height);
        const same = Math.abs(aspect(resolution) / aspect(largest.resolution) - 1) <= tolerance;
        const ratio = (value: number): string => `${value.toFixed(3)}:1`;
        return verdict(same, uri, ratio(aspect(resolution)), ratio(aspect(largest.resolution)));
      });
    },
  },
  {
    id: 'NF415',
    severity: 'note',
    requirement: 'The first variant is, of its codec, the one nearest to 2000 kbit/s on average.',
    sources: ['Apple 1.32'],
    check: (stream) => {
      const videos = videoVariants(stream).filter(({ averageBandwidthBps }) => averageBandwidthBps !== null);
      const distance = ({ averageBandwidthBps }: Variant): number =>
        Math.abs(Math.log((averageBandwidthBps ?? 1) / 2_000_000));
      const [first] = videos;
      const ofItsCodec = videos.filter((variant) => first && videoCodecOf(variant) === videoCodecOf(first));
      const nearest = ofItsCodec.toSorted((a, b) => distance(a) - distance(b))[0];
      return judge(videos.slice(0, 1), () =>
        first && nearest
          ? verdict(distance(first) <= distance(nearest), first.uri, `${first.averageBandwidthBps} bit/s`, nearest.uri)
          : undefined,
      );
    },
  },
  {
    id: 'NF416',
    severity: 'error',
    requirement:
      'AUDIO and SUBTITLES name groups that exist; in a group, names differ and at most one rendition is the default.',
    sources: ['RFC 8216 §4.3.4.2', 'RFC 8216 §4.3.4.1.1'],
    check: (stream) =>
      judge(variantsOf(stream), ({ uri, audioGroup, subtitleGroup }) => {
        const tags = (type: string, group: string | null) =>
          (stream.master?.media ?? []).filter((tag) => tag.type === type && tag.groupId === group);
        for (const [type, group] of [['AUDIO', audioGroup] as const, ['SUBTITLES', subtitleGroup] as const]) {
          if (group === null) continue;
          const found = tags(type, group);
          if (found.length === 0) return verdict(false, uri, `${type}="${group}"`, `an EXT-X-MEDIA of that group`);
          if (new Set(found.map(({ name }) => name)).size < found.length)
            return verdict(false, uri, `two renditions of one NAME in group "${group}"`, 'different names');
          const defaults = found.filter(({ isDefault }) => isDefault).length;
          if (defaults > 1) return verdict(false, uri, `${defaults} defaults in group "${group}"`, 'at most one');
        }
        return audioGroup === null && subtitleGroup === null ? undefined : null;
      }),
  },
  {
    id: 'NF417',
    severity: 'error',
    requirement: 'Every EXT-X-MEDIA of sound or text has LANGUAGE.',
    sources: ['Apple 8.10', 'Apple 4.7'],
    check: ({ master }) =>
      judge(
        (master?.media ?? []).filter(({ type }) => type !== 'VIDEO'),
        ({ groupId, name, language }) => verdict(language !== null, `${groupId} "${name}"`, 'no LANGUAGE', 'LANGUAGE'),
      ),
  },
  {
    id: 'NF418',
    severity: 'warning',
    requirement: 'Every EXT-X-MEDIA of sound has CHANNELS, and the number is that of the media.',
    sources: ['RFC 8216 §4.3.4.1'],
    check: (stream) =>
      judge(audioMedia(stream), ({ groupId, name, channels, uri }) => {
        const at = `${groupId} "${name}"`;
        if (channels === null) return verdict(false, at, 'no CHANNELS', 'CHANNELS');
        const track = trackOf(stream.playlists.find((playlist) => playlist.uri === uri) ?? null, 'audio');
        // What E-AC-3 and others write into the sample entry is not the number of channels.
        if (!track?.channels || !/^(mp4a|opus|flac)/i.test(track.codec)) return null;
        return verdict(Number.parseInt(channels, 10) === track.channels, at, channels, `${track.channels}`);
      }),
  },
  {
    id: 'NF419',
    severity: 'warning',
    requirement: 'Sound and picture are separate streams.',
    sources: ['Apple 9.5'],
    check: perVideo((variant, stream) => {
      const { own } = combinationOf(stream, variant);
      const muxed =
        own && own.tracks.length > 0
          ? trackOf(own, 'audio') !== null
          : audioTags(stream, variant.audioGroup).length === 0 &&
            (variant.codecs?.some((codec) => !isVideoCodec(codec)) ?? false);
      return verdict(!muxed, variant.uri, 'sound inside the video segments', 'an audio group');
    }),
  },
  {
    id: 'NF420',
    severity: 'error',
    requirement: 'HDR video says so by VIDEO-RANGE, and which.',
    sources: ['Apple 9.16'],
    check: (stream) =>
      judge([...videoVariants(stream), ...(stream.master?.iframes ?? [])], ({ uri, videoRange }) => {
        const real = trackOf(playlistOf(stream, uri), 'video')?.videoRange ?? null;
        if (real === null) return undefined;
        const said = videoRange ?? 'SDR';
        return verdict(real === said, uri, `VIDEO-RANGE ${said}`, real);
      }),
  },
  {
    id: 'NF421',
    severity: 'warning',
    requirement: 'Parameter sets are in the sample descriptions: avc1, hvc1, dvh1.',
    sources: ['Apple 1.10'],
    check: perVideo(({ uri, codecs }) => {
      const inBand = codecs?.find((codec) => /^(avc3|hev1|dvhe)/i.test(codec));
      return codecs === null ? undefined : verdict(!inBand, uri, inBand ?? '', 'avc1, hvc1 or dvh1');
    }),
  },
  {
    id: 'NF422',
    severity: 'error',
    requirement: 'H.264 is at most High Profile level 5.2, HEVC at most Main 10 level 5.1.',
    sources: ['Apple 1.3b', 'Apple 1.6b'],
    check: perVideo(({ uri, codecs }) => {
      for (const codec of codecs ?? []) {
        const avc = avcLevel(codec);
        if (avc) return verdict(avc.profile <= 100 && avc.level <= 52, uri, codec, 'at most High Profile level 5.2');
        const hevc = hevcLevel(codec);
        if (hevc) return verdict(hevc.profile <= 2 && hevc.level <= 153, uri, codec, 'at most Main 10 level 5.1');
      }
      return undefined;
    }),
  },
];
