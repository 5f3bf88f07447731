import { type Cue, inOrder, TextError } from './cue.ts';
import { decodeText, type TextEncoding } from './decode.ts';
import { parseSrt } from './parse-srt.ts';
import { isVtt, parseVtt } from './parse-vtt.ts';

export interface ParsedText {
  readonly format: 'srt' | 'vtt';
  readonly encoding: TextEncoding;
  /** In order of time; at least one. */
  readonly cues: readonly Cue[];
}

/** More than a year of talk. */
const maxCues = 100_000;

/**
 * Reads a subtitle file, whatever its name says: WebVTT by its first line, else SubRip.
 *
 * @throws TextError that names the line and the mend.
 */
export function parseText(bytes: Uint8Array): ParsedText {
  const { text, encoding } = decodeText(bytes);
  if (text.trim() === '') throw new TextError(null, 'the file is empty; send SubRip (.srt) or WebVTT (.vtt)');
  const format = isVtt(text) ? 'vtt' : 'srt';
  const cues = inOrder(format === 'vtt' ? parseVtt(text) : parseSrt(text));
  if (cues.length === 0) throw new TextError(null, 'there is no text in the file that could be shown');
  if (cues.length > maxCues) throw new TextError(null, `there are ${cues.length} texts; at most ${maxCues} are taken`);
  return { format, encoding, cues };
}
