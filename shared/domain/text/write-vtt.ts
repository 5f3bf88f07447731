import type { Cue } from './cue.ts';

/**
 * Cue time 0 is time 0 of the media (RFC 8216 §3.5): our fragmented MP4 begins there. Players assume the same without it;
 * it is written because the RFC says that it should be.
 */
const header = 'WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n';

/**
 * A whole WebVTT file; without cues it is the header alone, which is valid. Ends with an empty line, so that readers which
 * only put segments together (ffmpeg) find the end of the last cue.
 */
export const writeVtt = (cues: readonly Cue[]): string => header + cues.map(block).join('');

const block = ({ startMs, endMs, settings, text }: Cue): string =>
  `${vttTime(startMs)} --> ${vttTime(endMs)}${settings ? ` ${settings}` : ''}\n${text}\n\n`;

/** `01:02:03.456` */
export function vttTime(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)}.${String(ms % 1_000).padStart(3, '0')}`;
}

export interface TextSpan {
  readonly startS: number;
  readonly durationS: number;
}

/**
 * The cues of each span. One that reaches over a boundary stands in every span that it overlaps, with its whole time
 * (RFC 8216 §3.5), by which players know it as one. What lies behind the last span is in none.
 */
export function cutCues(cues: readonly Cue[], spans: readonly TextSpan[]): Cue[][] {
  return spans.map(({ startS, durationS }) => {
    const [fromMs, toMs] = [startS * 1_000, (startS + durationS) * 1_000];
    return cues.filter(({ startMs, endMs }) => startMs < toMs && endMs > fromMs);
  });
}
