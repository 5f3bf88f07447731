import { type Cue, TextError } from './cue.ts';
import { cleanMarkup } from './markup.ts';
import { readTimes } from './parse-srt.ts';

const timing =
  /^[\t ]*(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})[\t ]*-->[\t ]*(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?:[\t ]+(.*))?$/;

const percent = String.raw`(?:100(?:\.0+)?|\d{1,2}(?:\.\d+)?)%`;
const settings: Readonly<Record<string, RegExp>> = {
  vertical: /^(rl|lr)$/,
  line: new RegExp(`^(-?\\d{1,3}|${percent})(,(start|center|end))?$`),
  position: new RegExp(`^${percent}(,(line-left|center|line-right))?$`),
  size: new RegExp(`^${percent}$`),
  align: /^(start|center|end|left|right)$/,
};

export const isVtt = (text: string): boolean => /^WEBVTT(?:[ \t\n]|$)/.test(text);

/**
 * WebVTT (W3C): cues with their times, settings and text. Comments, regions and style sheets are left out: players do not
 * agree about them, and a style sheet may name addresses.
 *
 * Stricter than a browser, which passes over what it cannot read: who uploads a file wants to know.
 *
 * @param text with `\n` as line ends.
 * @throws TextError
 */
export function parseVtt(text: string): Cue[] {
  if (!isVtt(text)) throw new TextError(1, 'a WebVTT file begins with the line WEBVTT; put it there');
  const lines = text.split('\n');
  const cues: Cue[] = [];
  let at = lines.indexOf('');
  while (at >= 0 && at < lines.length) {
    while (lines[at] === '') at++;
    const begins = at;
    while (at < lines.length && lines[at] !== '') at++;
    const block = lines.slice(begins, at);
    if (block.length > 0) cues.push(...readBlock(block, begins + 1));
  }
  return cues;
}

function readBlock(block: readonly string[], line: number): Cue[] {
  const [first = ''] = block;
  if (/^(NOTE|STYLE|REGION)([ \t]|$)/.test(first)) return [];
  const times = block.slice(0, 2).findIndex((each) => each.includes('-->'));
  if (times < 0) throw new TextError(line, 'there is text without times; give it times, or begin a comment with NOTE');
  const found = timing.exec(block[times] ?? '');
  const { startMs, endMs } = readTimes(found, line + times);
  const again = block.findIndex((each, index) => index > times && each.includes('-->'));
  if (again >= 0) throw new TextError(line + again, 'there must be an empty line before the next times; put one there');
  const cleaned = cleanMarkup(block.slice(times + 1).join('\n'));
  return cleaned === '' || startMs === endMs
    ? []
    : [{ startMs, endMs, settings: cleanSettings(found?.[9] ?? ''), text: cleaned }];
}

/** Each known one once, of the form that it must have. */
function cleanSettings(raw: string): string {
  const kept = new Map<string, string>();
  for (const word of raw.split(/[\t ]+/)) {
    const colon = word.indexOf(':');
    const [name, value] = [word.slice(0, colon), word.slice(colon + 1)];
    if (Object.hasOwn(settings, name) && settings[name]?.test(value)) kept.set(name, value);
  }
  return [...kept].map(([name, value]) => `${name}:${value}`).join(' ');
}
