/** The DASH manifest (ISO/IEC 23009-1) over the same segments as HLS. */
import { XMLBuilder } from 'fast-xml-parser';
import type { VideoRange } from '../../shared/domain/manifest.ts';
import type { FrameRate } from '../../shared/media/frame-rate.ts';
import type { Segment } from './cut.ts';

export interface DashRendition {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  readonly codecs: string;
  readonly bandwidthBps: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly videoRange?: VideoRange;
  readonly channels: number | null;
  readonly sampleRateHz: number | null;
  readonly language?: string | null;
  readonly name?: string;
  readonly timescale: number;
  readonly segments: readonly Segment[];
  /** The one file that it is, with the bytes of its init part and of its index; null where segments are files. */
  readonly single: { readonly path: string; readonly init: Bytes; readonly index: Bytes } | null;
}

interface Bytes {
  readonly offset: number;
  readonly length: number;
}

export interface DashInput {
  readonly durationS: number;
  readonly targetDurationS: number;
  /** Null for sound alone. */
  readonly frameRate: FrameRate | null;
  readonly renditions: readonly DashRendition[];
  /** Key ids in 32 hex digits of samples that are encrypted by CBCS; null where they are clear. */
  readonly protection: {
    readonly keyIdOf: (kind: DashRendition['kind']) => string;
  } | null;
  /** Templates with `$RepresentationID$` and `$Number…$`, relative to the manifest. */
  readonly initTemplate: string;
  readonly mediaTemplate: string;
}

const profiles = {
  segments: 'urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019',
  single: 'urn:mpeg:dash:profile:isoff-on-demand:2011,urn:mpeg:dash:profile:cmaf:2019',
} as const;
const channelScheme = 'urn:mpeg:dash:23003:3:audio_channel_configuration:2011';

/** Attributes are `@name` keys; undefined ones are left out. */
type Element = { readonly [name: string]: string | number | Element | readonly Element[] | undefined };

const builder = new XMLBuilder({
  attributeNamePrefix: '@',
  ignoreAttributes: false,
  format: true,
  suppressEmptyNode: true,
  suppressBooleanAttributes: false,
});

/**
 * A static presentation of one period. Every codec and range of video is a set of its own, in which alone players switch;
 * those of the first come first, for players that take what they find. All have the same segment boundaries; all URLs are
 * relative.
 */
export function buildMpd(input: DashInput): string {
  const { durationS, targetDurationS, renditions } = input;
  const videos = renditions.filter(({ kind }) => kind === 'video');
  const audios = renditions.filter(({ kind }) => kind === 'audio');
  const sets = [
    ...videoSets(videos).map((members) => adaptationSet('video', members, 'main', input)),
    ...audios.map((audio, index) => adaptationSet('audio', [audio], index === 0 ? 'main' : 'alternate', input)),
  ];
  const mpd: Element = {
    '@xmlns': 'urn:mpeg:dash:schema:mpd:2011',
    ...(input.protection ? { '@xmlns:cenc': 'urn:mpeg:cenc:2013' } : {}),
    '@profiles': renditions.some(({ single }) => single) ? profiles.single : profiles.segments,
    '@type': 'static',
    '@mediaPresentationDuration': seconds(durationS),
    '@minBufferTime': seconds(targetDurationS),
    '@maxSegmentDuration': seconds(Math.max(...renditions.flatMap(segmentSeconds))),
    Period: {
      '@id': '0',
      '@start': 'PT0S',
      '@duration': seconds(durationS),
      AdaptationSet: sets.map((set, id) => ({ '@id': id, ...set })),
    },
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build({ MPD: mpd })}`;
}

const videoSets = (videos: readonly DashRendition[]): DashRendition[][] => [
  ...Map.groupBy(videos, ({ codecs, videoRange = 'SDR' }) => `${codecs.split('.')[0]} ${videoRange}`).values(),
];

const seconds = (value: number): string => `PT${Number(value.toFixed(6))}S`;
const segmentSeconds = ({ segments, timescale }: DashRendition): number[] =>
  segments.map(({ durationTicks }) => durationTicks / timescale);

function adaptationSet(
  kind: DashRendition['kind'],
  members: readonly DashRendition[],
  role: 'main' | 'alternate',
  { frameRate, initTemplate, mediaTemplate, protection }: DashInput,
): Element {
  const [first] = members;
  const rate = kind === 'video' && frameRate ? `${frameRate.numerator}/${frameRate.denominator}` : undefined;
  return {
    '@contentType': kind,
    '@mimeType': `${kind}/mp4`,
    ...(first?.language ? { '@lang': first.language } : {}),
    ...(first?.single ? { '@subsegmentAlignment': 'true', '@subsegmentStartsWithSAP': 1 } : aligned),
    ...(rate ? { '@frameRate': rate } : {}),
    ...colourOf(first?.videoRange),
    ...(protection ? { ContentProtection: contentProtection(protection, kind) } : {}),
    Role: { '@schemeIdUri': 'urn:mpeg:dash:role:2011', '@value': role },
    ...(first?.name && kind === 'audio' ? { Label: { '#text': first.name } } : {}),
    ...(first?.single
      ? {}
      : {
          SegmentTemplate: {
            '@timescale': first?.timescale,
            '@startNumber': 0,
            '@initialization': initTemplate,
            '@media': mediaTemplate,
            SegmentTimeline: { S: timeline(first?.segments ?? []) },
          },
        }),
    Representation: members.map((rendition) => representation(rendition)),
  };
}

/**
 * §5.8.4.1 and DASH-IF's ClearKey (IOP 4.3 §7.6.2.4). Without the address of licences: players take one from here for one of the
 * page, and then listen to no other. `POST /v1/playback` gives it. Without `cenc:pssh`, which dash.js would hand over as a list of
 * key ids; the init segments have it.
 */
function contentProtection({ keyIdOf }: NonNullable<DashInput['protection']>, kind: DashRendition['kind']): Element[] {
  const uuid = keyIdOf(kind).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return [
    { '@schemeIdUri': 'urn:mpeg:dash:mp4protection:2011', '@value': 'cbcs', '@cenc:default_KID': uuid },
    { '@schemeIdUri': 'urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e', '@value': 'ClearKey1.0' },
  ];
}

const cicp = (name: string, value: number): Element => ({
  '@schemeIdUri': `urn:mpeg:mpegB:cicp:${name}`,
  '@value': value,
});
const bt2020 = [cicp('ColourPrimaries', 9), cicp('MatrixCoefficients', 9)];

/**
 * By ISO/IEC 23091-2. A player that does not know PQ must leave the set alone; HLG on a screen that only knows BT.2020 is
 * watchable, so its curve need not be known (DASH-IF IOP, as DVB has it).
 */
function colourOf(range: VideoRange = 'SDR'): Element {
  if (range === 'PQ') return { EssentialProperty: [...bt2020, cicp('TransferCharacteristics', 16)] };
  if (range === 'HLG') return { EssentialProperty: bt2020, SupplementalProperty: cicp('TransferCharacteristics', 18) };
  return {};
}

const aligned = { '@segmentAlignment': 'true', '@startWithSAP': 1 };

function representation(rendition: DashRendition): Element {
  const { id, codecs, bandwidthBps, width, height, channels, sampleRateHz, single, timescale } = rendition;
  return {
    '@id': id,
    '@codecs': codecs,
    '@bandwidth': bandwidthBps,
    ...(width && height ? { '@width': width, '@height': height } : {}),
    ...(sampleRateHz ? { '@audioSamplingRate': sampleRateHz } : {}),
    ...(channels ? { AudioChannelConfiguration: { '@schemeIdUri': channelScheme, '@value': channels } } : {}),
    ...(single
      ? {
          BaseURL: { '#text': single.path },
          SegmentBase: {
            '@indexRange': range(single.index),
            '@timescale': timescale,
            Initialization: { '@range': range(single.init) },
          },
        }
      : {}),
  };
}

/** Both ends inclusive (RFC 9110 §14.1.2, without the unit). */
const range = ({ offset, length }: Bytes): string => `${offset}-${offset + length - 1}`;

/** Runs of equal durations become one element with a repeat count (§5.3.9.6). */
function timeline(segments: readonly Segment[]): Element[] {
  const runs: { start: number; ticks: number; repeat: number }[] = [];
  for (const { startTicks, durationTicks } of segments) {
    const last = runs.at(-1);
    if (last?.ticks === durationTicks) last.repeat++;
    else runs.push({ start: startTicks, ticks: durationTicks, repeat: 0 });
  }
  return runs.map(({ start, ticks, repeat }, index) => ({
    ...(index === 0 ? { '@t': start } : {}),
    '@d': ticks,
    ...(repeat > 0 ? { '@r': repeat } : {}),
  }));
}
