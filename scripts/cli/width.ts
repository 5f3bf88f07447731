/** How many columns a text takes on a terminal, and how to cut it to fit. */
import { stripVTControlCharacters } from 'node:util';

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Letters that terminals draw over two columns: East Asian wide and full-width forms, and emoji (UAX #11). */
const wide =
  /^(?:\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])/u;
const zero = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

const graphemeWidth = (grapheme: string): number => (zero.test(grapheme) ? 0 : wide.test(grapheme) ? 2 : 1);

/** Columns of a text; colour codes take none. */
export function displayWidth(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (/^[\u0020-\u007e]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of segmenter.segment(plain)) width += graphemeWidth(segment);
  return width;
}

/** The text itself, or as much of it as fits, ended by `…`. A text that is cut loses its colours. */
export function fitText(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width < 1) return '';
  let taken = '';
  let used = 0;
  for (const { segment } of segmenter.segment(stripVTControlCharacters(text))) {
    const next = graphemeWidth(segment);
    if (used + next > width - 1) break;
    taken += segment;
    used += next;
  }
  return `${taken}…`;
}
