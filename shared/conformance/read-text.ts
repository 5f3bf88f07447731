import type { TextMedia } from '../domain/conformance/model.ts';
import { TextError } from '../domain/text/cue.ts';
import { decodeText } from '../domain/text/decode.ts';
import { parseVtt } from '../domain/text/parse-vtt.ts';

/** Whether a file begins as WebVTT must (§4.1), after a byte order mark or without. */
export function isWebVtt(bytes: Uint8Array): boolean {
  const beginning = new TextDecoder().decode(bytes.subarray(0, 16));
  return /^WEBVTT(?:[ \t\r\n]|$)/.test(beginning);
}

export function readTextMedia(bytes: Uint8Array): TextMedia {
  const { text } = decodeText(bytes);
  const map = mapOf(text);
  try {
    const cues = parseVtt(text).map(({ startMs, endMs }) => ({ startS: startMs / 1_000, endS: endMs / 1_000 }));
    return { map, cues, mistake: null };
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    return { map, cues: [], mistake: error.message };
  }
}

/** `X-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000` in the header, in either order (RFC 8216 §3.5). */
function mapOf(text: string): TextMedia['map'] {
  const [header = ''] = text.split('\n\n', 1);
  const line = /^X-TIMESTAMP-MAP=(.*)$/m.exec(header)?.[1];
  const mpegts = /MPEGTS:(\d+)/.exec(line ?? '')?.[1];
  const local = /LOCAL:(?:(\d+):)?(\d\d):(\d\d\.\d{3})/.exec(line ?? '');
  if (mpegts === undefined || !local) return null;
  return {
    mpegts: Number(mpegts),
    localS: Number(local[1] ?? 0) * 3_600 + Number(local[2]) * 60 + Number(local[3]),
  };
}
