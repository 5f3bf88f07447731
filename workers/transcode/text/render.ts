/** From cleaned text to what is published of it: pure but for the digests. */
import type { Packaging, Rendition } from '../../../shared/domain/manifest.ts';
import type { Cue } from '../../../shared/domain/text/cue.ts';
import { cutCues, type TextSpan, writeVtt } from '../../../shared/domain/text/write-vtt.ts';
import { type TextTrack, textIdOf } from '../../../shared/domain/text-track.ts';
import { buildMediaPlaylist } from '../../../shared/hls/build.ts';
import { type PackagedFile, packaged } from '../package.ts';

/** A track with what it says. */
export interface Text {
  readonly track: TextTrack;
  readonly cues: readonly Cue[];
}

/** Segments of the rendition that leads: the first video, else the first sound. */
export interface Timeline {
  readonly spans: readonly TextSpan[];
  readonly targetDurationS: number;
}

export interface RenderedText {
  readonly rendition: Rendition;
  readonly files: readonly PackagedFile[];
}

const wholeName = 'text.vtt';

/**
 * Each track is a rendition with one whole file, for DASH. In HLS it is cut at the video's boundaries, with segments that say
 * nothing where nobody speaks; in the packaging of single files the whole file is its one segment, which RFC 8216 §6.2.4
 * lets be longer than the target duration of the others.
 */
export async function renderTexts(
  texts: readonly Text[],
  packaging: Packaging,
  timeline: Timeline,
): Promise<RenderedText[]> {
  const ids = renditionIds(texts);
  return Promise.all(texts.map((text, index) => render(text, ids[index] ?? '', packaging, timeline)));
}

function renditionIds(texts: readonly Text[]): string[] {
  const seen = new Map<string, number>();
  return texts.map(({ track }) => {
    const id = `text-${textIdOf(track)}`;
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    return count === 1 ? id : `${id}-${count}`;
  });
}

async function render(
  { track, cues }: Text,
  id: string,
  packaging: Packaging,
  { spans, targetDurationS }: Timeline,
): Promise<RenderedText> {
  const durationS = spans.reduce((sum, span) => sum + span.durationS, 0);
  const whole = await packaged(`${id}/${wholeName}`, 'media', Buffer.from(writeVtt(cues)), {
    rendition: id,
    startS: 0,
    durationS,
  });
  const isCut = packaging === 'segments';
  const segments = isCut ? await cut(cues, id, spans) : [];
  const playlist = buildMediaPlaylist({
    segments: isCut
      ? spans.map((span, index) => ({ uri: segmentName(index), durationS: span.durationS }))
      : [{ uri: wholeName, durationS }],
    ...(isCut ? { targetDurationS } : {}),
  });
  const { language, kind, name, forced, isDefault, sha256 } = track;
  const bits = (file: PackagedFile): number => file.facts.sizeBytes * 8;
  const rates = segments.map((file) => bits(file) / Math.max(0.001, file.facts.durationS ?? 1));
  const averageBandwidthBps = Math.max(1, Math.ceil(bits(whole) / Math.max(0.001, durationS)));
  return {
    rendition: {
      id,
      kind: 'text',
      codecs: 'wvtt',
      bandwidthBps: Math.max(averageBandwidthBps, ...rates.map(Math.ceil)),
      averageBandwidthBps,
      width: null,
      height: null,
      frameRate: null,
      channels: null,
      sampleRateHz: null,
      language,
      name,
      text: { kind, forced, isDefault, sha256, file: whole.facts.path },
      playlist: `${id}/index.m3u8`,
    },
    files: [
      ...segments,
      whole,
      await packaged(`${id}/index.m3u8`, 'playlist', Buffer.from(playlist), { rendition: id }),
    ],
  };
}

const segmentName = (index: number): string => `seg-${String(index).padStart(5, '0')}.vtt`;

const cut = (cues: readonly Cue[], rendition: string, spans: readonly TextSpan[]): Promise<PackagedFile[]> =>
  Promise.all(
    cutCues(cues, spans).map((inSpan, index) =>
      packaged(`${rendition}/${segmentName(index)}`, 'segment', Buffer.from(writeVtt(inSpan)), {
        rendition,
        index,
        startS: spans[index]?.startS ?? 0,
        durationS: spans[index]?.durationS ?? 0,
      }),
    ),
  );
