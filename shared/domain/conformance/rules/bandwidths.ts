/** NF409–NF412 and NF504: stated against measured bit rates. */
import { type Bandwidth, measureBandwidth } from '../bandwidth.ts';
import { combinationOf, playlistOf } from '../facts.ts';
import type { MediaPlaylist, Stream, Variant } from '../model.ts';
import { judge, type Rule, rate, type Violation, verdict } from '../rule.ts';

/** Null unless every segment was looked at. */
function measured(playlist: MediaPlaylist): Bandwidth | null {
  const segments = playlist.segments.flatMap(({ durationS, media }) =>
    media ? [{ durationS, sizeBytes: media.sizeBytes }] : [],
  );
  if (segments.length === 0 || segments.length < playlist.segments.length) return null;
  return measureBandwidth(segments, playlist.targetDurationS ?? 6);
}

/** The largest sum that any playable combination makes (§4.3.4.2). */
function combined(stream: Stream, variant: Variant): Bandwidth | null {
  const { own, audio } = combinationOf(stream, variant);
  const parts = [own ? measured(own) : null, ...audio.map(measured)];
  const [video, ...sounds] = parts.filter((part) => part !== null);
  if (!video || sounds.length < audio.length) return null;
  const most = (of: (part: Bandwidth) => number): number => of(video) + Math.max(0, ...sounds.map(of));
  return { peakBps: most(({ peakBps }) => peakBps), averageBps: most(({ averageBps }) => averageBps) };
}

const perVariant = (test: (variant: Variant, real: Bandwidth) => Violation | null | undefined) => (stream: Stream) =>
  judge(stream.master?.variants ?? [], (variant) => {
    const real = combined(stream, variant);
    return real ? test(variant, real) : undefined;
  });

/** For rates of the whole work: nobody has measured what is yet to come. */
const perFinishedVariant = (test: (variant: Variant, real: Bandwidth) => Violation | null | undefined) => {
  const check = perVariant(test);
  return (stream: Stream) =>
    check(
      stream.playlists.some(({ ended, failure }) => failure === null && !ended) ? { ...stream, master: null } : stream,
    );
};

export const bandwidthRules: readonly Rule[] = [
  {
    id: 'NF409',
    severity: 'error',
    requirement: 'BANDWIDTH is not more than 10% below the measured peak.',
    sources: ['RFC 8216 §4.3.4.2', 'Apple 1.27', 'Apple 9.13'],
    check: perVariant(({ uri, bandwidthBps }, { peakBps }) =>
      bandwidthBps === null
        ? undefined
        : verdict(peakBps <= bandwidthBps * 1.1, uri, `stated ${rate(bandwidthBps)}`, `measured ${rate(peakBps)}`),
    ),
  },
  {
    id: 'NF410',
    severity: 'error',
    requirement: 'AVERAGE-BANDWIDTH is not more than 10% below the measured average.',
    sources: ['RFC 8216 §4.3.4.2', 'Apple 1.26'],
    check: perFinishedVariant(({ uri, averageBandwidthBps: said }, { averageBps }) =>
      said === null
        ? undefined
        : verdict(averageBps <= said * 1.1, uri, `stated ${rate(said)}`, `measured ${rate(averageBps)}`),
    ),
  },
  {
    id: 'NF411',
    severity: 'warning',
    requirement: 'BANDWIDTH and AVERAGE-BANDWIDTH are not more than 10% above what was measured.',
    sources: ['Apple 1.26', 'Apple 1.27'],
    check: perFinishedVariant(({ uri, bandwidthBps, averageBandwidthBps }, { peakBps, averageBps }) => {
      if (bandwidthBps !== null && bandwidthBps * 0.9 > peakBps)
        return verdict(false, uri, `stated BANDWIDTH ${rate(bandwidthBps)}`, `measured ${rate(peakBps)}`);
      if (averageBandwidthBps === null) return bandwidthBps === null ? undefined : null;
      const stated = `stated AVERAGE-BANDWIDTH ${rate(averageBandwidthBps)}`;
      return verdict(averageBandwidthBps * 0.9 <= averageBps, uri, stated, `measured ${rate(averageBps)}`);
    }),
  },
  {
    id: 'NF412',
    severity: 'warning',
    requirement: 'The peak is at most twice the average.',
    sources: ['Apple 1.30'],
    check: perFinishedVariant(({ uri }, { peakBps, averageBps }) =>
      verdict(
        peakBps <= averageBps * 2,
        uri,
        `${rate(peakBps)}, ${(peakBps / averageBps).toFixed(1)} times the average`,
        'at most twice',
      ),
    ),
  },
  {
    id: 'NF504',
    severity: 'error',
    requirement: 'BANDWIDTH of I-frames is not more than 10% below the measured peak.',
    sources: ['RFC 8216 §4.3.4.3', 'Apple 6.9'],
    check: (stream) =>
      judge(stream.master?.iframes ?? [], ({ uri, bandwidthBps }) => {
        const playlist = playlistOf(stream, uri);
        const real = playlist ? measured(playlist) : null;
        if (!real || bandwidthBps === null) return undefined;
        return verdict(
          real.peakBps <= bandwidthBps * 1.1,
          uri,
          `stated ${rate(bandwidthBps)}`,
          `measured ${rate(real.peakBps)}`,
        );
      }),
  },
];
