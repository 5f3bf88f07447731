/**
 * Cue text that is safe to hand to a player: the tags of WebVTT that style a word (`b i u c v lang ruby rt`), closed in the
 * order in which they were opened, and everything else as the characters that it is.
 */

const spans = new Set(['b', 'i', 'u', 'c', 'v', 'lang', 'ruby', 'rt']);
/** With text after the name (WebVTT §4.2.2): who speaks, which language. */
const annotated = new Set(['v', 'lang']);
const named: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  lrm: '\u200e',
  rlm: '\u200f',
};
const token = /<[^<>]*>|&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[a-zA-Z]{2,5});/g;
/** A karaoke time stamp, and SubRip's colours: neither is kept, and nobody wants to read it. */
const dropped = /^<(?:[\d:.]+|\/?font(?:\s[^<>]*)?)>$/i;

/** @returns lines without an empty one; empty where nothing is left to be read. */
export function cleanMarkup(raw: string): string {
  const open: string[] = [];
  let clean = '';
  let at = 0;
  const text = raw.replace(controls, '');
  for (const { 0: found, index } of text.matchAll(token)) {
    clean += escaped(text.slice(at, index));
    at = index + found.length;
    clean += found.startsWith('&') ? escaped(character(found)) : tag(found, open);
  }
  clean += escaped(text.slice(at));
  while (open.length > 0) clean += `</${open.pop()}>`;
  const lines = clean.split('\n').filter((line) => line.trim() !== '');
  return readable(lines.join('\n')) ? lines.map((line) => line.trimEnd()).join('\n') : '';
}

const controls = /[^\P{Cc}\t\n]|[\u2028\u2029]/gu;
const readable = (text: string): boolean => text.replace(/<[^>]*>/g, '').trim() !== '';

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The character that a reference stands for; the reference itself where it stands for none. */
function character(reference: string): string {
  const name = reference.slice(1, -1);
  if (!name.startsWith('#')) return named[name] ?? reference;
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
  const isScalar = code >= 0x20 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return isScalar ? String.fromCodePoint(code).replace(controls, '') : reference;
}

function tag(found: string, open: string[]): string {
  const closing = /^<\/([a-zA-Z]+)>$/.exec(found)?.[1]?.toLowerCase();
  if (closing !== undefined && spans.has(closing)) return close(closing, open);
  const [, name = '', classes = '', annotation = ''] =
    /^<([a-zA-Z]+)((?:\.[^\s.<>&]+)*)(\s[^<>]*)?>$/.exec(found) ?? [];
  const span = name.toLowerCase();
  if (!spans.has(span)) return dropped.test(found) ? '' : escaped(found);
  open.push(span);
  const kept = classes.split('.').filter((each) => /^[\w-]+$/.test(each));
  const said = annotated.has(span) ? escaped(unescaped(annotation)).replace(/\s+/g, ' ').trim() : '';
  return `<${[span, ...kept].join('.')}${said ? ` ${said}` : ''}>`;
}

const unescaped = (text: string): string =>
  text.replace(token, (found) => (found.startsWith('&') ? character(found) : found));

/** Closes what was opened inside of it too; a tag that was never opened is nothing. */
function close(name: string, open: string[]): string {
  const from = open.lastIndexOf(name);
  return from < 0
    ? ''
    : open
        .splice(from)
        .reverse()
        .map((each) => `</${each}>`)
        .join('');
}
