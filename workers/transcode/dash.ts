/** The DASH manifest (ISO/IEC 23009-1) over the same segments as HLS. */
import { XMLBuilder } from 'fast-xml-parser';
import type { FrameRate } from '../../shared/media/frame-rate.ts';
import type { Segment } from './cut.ts';

export interface DashRendition {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  readonly codecs: string;
  readonly bandwidthBps: number;
  readonly width: number | null;
  readonly height: number | null;
  readonly channels: number | null;
  readonly sampleRateHz: number | null;
  readonly timescale: number;
  readonly segments: readonly Segment[];
}

export interface DashInput {
  readonly durationS: number;
  readonly targetDurationS: number;
  readonly frameRate: FrameRate;
  readonly renditions: readonly DashRendition[];
  /** Templates with `$RepresentationID$` and `$Number…$`, relative to the manifest. */
  readonly initTemplate: string;
  readonly mediaTemplate: string;
}

const profiles = 'urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019';
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
 * A static presentation of one period. All video renditions have the same segment boundaries, so they share one
 * timeline; all URLs are relative.
 */
export function buildMpd(input: DashInput): string {
  const { durationS, targetDurationS, renditions } = input;
  const sets = (['video', 'audio'] as const).flatMap((kind, id) => {
    const members = renditions.filter((rendition) => rendition.kind === kind);
    return members.length > 0 ? [adaptationSet(id, kind, members, input)] : [];
  });
  const mpd: Element = {
    '@xmlns': 'urn:mpeg:dash:schema:mpd:2011',
    '@profiles': profiles,
    '@type': 'static',
    '@mediaPresentationDuration': seconds(durationS),
    '@minBufferTime': seconds(targetDurationS),
    '@maxSegmentDuration': seconds(Math.max(...renditions.flatMap(segmentSeconds))),
    Period: { '@id': '0', '@start': 'PT0S', '@duration': seconds(durationS), AdaptationSet: sets },
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build({ MPD: mpd })}`;
}

const seconds = (value: number): string => `PT${Number(value.toFixed(6))}S`;
const segmentSeconds = ({ segments, timescale }: DashRendition): number[] =>
  segments.map(({ durationTicks }) => durationTicks / timescale);

function adaptationSet(
  id: number,
  kind: DashRendition['kind'],
  members: readonly DashRendition[],
  { frameRate, initTemplate, mediaTemplate }: DashInput,
): Element {
  const [first] = members;
  const video = kind === 'video';
  return {
    '@id': id,
    '@contentType': kind,
    '@mimeType': `${kind}/mp4`,
    '@segmentAlignment': 'true',
    '@startWithSAP': 1,
    ...(video ? { '@frameRate': `${frameRate.numerator}/${frameRate.denominator}` } : {}),
    Role: { '@schemeIdUri': 'urn:mpeg:dash:role:2011', '@value': 'main' },
    SegmentTemplate: {
      '@timescale': first?.timescale,
      '@startNumber': 0,
      '@initialization': initTemplate,
      '@media': mediaTemplate,
      SegmentTimeline: { S: timeline(first?.segments ?? []) },
    },
    Representation: members.map((rendition) => representation(rendition)),
  };
}

function representation({ id, codecs, bandwidthBps, width, height, channels, sampleRateHz }: DashRendition): Element {
  return {
    '@id': id,
    '@codecs': codecs,
    '@bandwidth': bandwidthBps,
    ...(width && height ? { '@width': width, '@height': height } : {}),
    ...(sampleRateHz ? { '@audioSamplingRate': sampleRateHz } : {}),
    ...(channels ? { AudioChannelConfiguration: { '@schemeIdUri': channelScheme, '@value': channels } } : {}),
  };
}

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
