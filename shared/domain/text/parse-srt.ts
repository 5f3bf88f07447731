import { type Cue, TextError } from './cue.ts';
import { cleanMarkup } from './markup.ts';

const timing =
  /^\s*(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})\s*-->\s*(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})(?:\s.*)?$/;

/**
 * SubRip, as it is found: with or without numbers, a point for the comma, empty lines inside a text. Nothing is guessed
 * about times: a line that looks like one and is none is refused.
 *
 * @param text with `\n` as line ends.
 * @throws TextError
 */
export function parseSrt(text: string): Cue[] {
  const lines = text.split('\n');
  const cues: Cue[] = [];
  let times: { readonly startMs: number; readonly endMs: number } | null = null;
  let body: string[] = [];
  const end = (): void => {
    if (times) cues.push(...cueOf(times, body.join('\n')));
    body = [];
  };
  for (const [index, line] of lines.entries()) {
    if (!line.includes('-->')) {
      body.push(line);
      continue;
    }
    const found = readTimes(timing.exec(line), index + 1);
    // The number above the times belongs to them.
    if (/^\s*\d+\s*$/.test(body.at(-1) ?? '') && (times === null || body.at(-2)?.trim() === '' || body.length === 1))
      body.pop();
    if (!times && body.some((each) => each.trim() !== ''))
      throw new TextError(
        body.findIndex((each) => each.trim() !== '') + 1,
        'there is text before the first times; take it away, or begin with a number and times such as 00:00:01,000 --> 00:00:03,000',
      );
    end();
    times = found;
  }
  if (!times) throw new TextError(null, 'there are no times in the file; send SubRip (.srt) or WebVTT (.vtt)');
  end();
  return cues;
}

export function readTimes(match: RegExpExecArray | null, line: number) {
  if (!match)
    throw new TextError(line, 'these are no times; write them as 00:00:01,000 --> 00:00:03,000 (WebVTT: 00:00:01.000)');
  const [startMs, endMs] = [msOf(match, 1, line), msOf(match, 5, line)];
  if (endMs < startMs) throw new TextError(line, 'the text ends before it begins; exchange or correct the times');
  return { startMs, endMs };
}

function msOf(match: RegExpExecArray, at: number, line: number): number {
  const [hours, minutes, seconds] = [0, 1, 2].map((part) => Number(match[at + part] ?? 0));
  const ms = Number((match[at + 3] ?? '').padEnd(3, '0'));
  if ((minutes ?? 0) > 59 || (seconds ?? 0) > 59)
    throw new TextError(line, 'minutes and seconds go up to 59; correct the times');
  return ((hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0)) * 1_000 + ms;
}

/** ASS overrides, as editors leave them in SubRip; `an7` to `an9` put the text on top. */
const override = /\{\\[^{}]*\}/g;

function cueOf(times: { readonly startMs: number; readonly endMs: number }, body: string): Cue[] {
  const isOnTop = /^\s*(?:<[^<>]*>)*\{[^{}]*\\an[789][^{}]*\}/.test(body);
  const text = cleanMarkup(body.replace(override, ''));
  // What is shown for no time, or says nothing, is no cue.
  return text === '' || times.endMs === times.startMs ? [] : [{ ...times, settings: isOnTop ? 'line:0' : '', text }];
}
