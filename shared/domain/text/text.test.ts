import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Cue } from './cue.ts';
import { decodeText } from './decode.ts';
import { cleanMarkup } from './markup.ts';
import { parseText } from './parse.ts';
import { cutCues, vttTime, writeVtt } from './write-vtt.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const cuesOf = (text: string) => parseText(bytes(text)).cues;
const said = (text: string) => cuesOf(text).map((cue) => cue.text);

describe('SubRip', () => {
  it('is read as editors write it', () => {
    const srt =
      '1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Guten</i> Tag\r\n\r\n2\r\n00:01:00,5 --> 00:01:02.25 X1:1 X2:2\r\n- Ja?\r\n- Nein.\r\n';
    expect(cuesOf(srt)).toEqual([
      { startMs: 1_000, endMs: 2_500, settings: '', text: '<i>Guten</i> Tag' },
      { startMs: 60_500, endMs: 62_250, settings: '', text: '- Ja?\n- Nein.' },
    ]);
  });

  it('keeps numbers that are said, and lines behind an empty one', () => {
    const srt = '1\n00:00:01,000 --> 00:00:02,000\nWie alt?\n42\n\nWirklich.\n\n2\n00:00:03,000 --> 00:00:04,000\n7\n';
    expect(said(srt)).toEqual(['Wie alt?\n42\nWirklich.', '7']);
  });

  it('needs neither numbers nor order', () => {
    expect(said('00:00:05,000 --> 00:00:06,000\nzwei\n\n00:01,000 --> 00:02,000\neins')).toEqual(['eins', 'zwei']);
  });

  it('leaves out colours and turns a place on top into a setting', () => {
    expect(cuesOf('1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<font color="#ff0000">Rot</font>')).toEqual([
      { startMs: 1_000, endMs: 2_000, settings: 'line:0', text: 'Rot' },
    ]);
  });

  it.each([
    ['1\n00:00:01,000 --> 00:00:xx,000\nA', 'line 2: these are no times; write them as'],
    ['1\n00:00:03,000 --> 00:00:02,000\nA', 'line 2: the text ends before it begins; exchange'],
    ['1\n00:00:03,000 --> 00:61:02,000\nA', 'line 2: minutes and seconds go up to 59'],
    ['Hello\n\n1\n00:00:01,000 --> 00:00:02,000\nA', 'line 1: there is text before the first times'],
    ['Just a letter.\nYours', 'there are no times in the file; send SubRip'],
    ['', 'the file is empty; send'],
    ['1\n00:00:01,000 --> 00:00:02,000\n\n', 'there is no text in the file'],
  ])('%j is refused', (srt, reason) => {
    expect(() => cuesOf(srt)).toThrow(reason);
  });
});

describe('WebVTT', () => {
  it('is read with names, settings and comments', () => {
    const vtt = [
      'WEBVTT - Film\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000',
      'STYLE\n::cue { background: url(http://example.com/) }',
      'NOTE\nnobody reads this -- ever',
      'intro\n00:01.000 --> 00:02.000 line:0 region:r1 align:start position:10%,line-left evil:"\n<v Anna Maria>Hallo</v> &amp; <c.red.b>los</c>',
      '100:00:00.000 --> 100:00:01.000\nspät',
    ].join('\n\n');
    expect(cuesOf(vtt)).toEqual([
      {
        startMs: 1_000,
        endMs: 2_000,
        settings: 'line:0 align:start position:10%,line-left',
        text: '<v Anna Maria>Hallo</v> &amp; <c.red.b>los</c>',
      },
      { startMs: 360_000_000, endMs: 360_001_000, settings: '', text: 'spät' },
    ]);
  });

  it.each([
    ['WEBVTT\n\n00:01.000 -> 00:02.000\nA', 'line 3: there is text without times'],
    ['WEBVTT\n\n00:01.000 --> 00:02,000\nA', 'line 3: these are no times'],
    ['WEBVTT\n\n00:01.000 --> 00:02.000\nA\n00:03.000 --> 00:04.000\nB', 'line 5: there must be an empty line'],
    ['WEBVTT\n\n00:03.000 --> 00:02.000\nA', 'line 3: the text ends before it begins'],
    ['WEBVTTX\n\n00:03.000 --> 00:04.000\nA', 'line 1: there is text before'],
  ])('%j is refused', (vtt, reason) => {
    expect(() => cuesOf(vtt)).toThrow(reason);
  });
});

describe('bytes', () => {
  const text = '1\n00:00:01,000 --> 00:00:02,000\nÄpfel – für “Zoë”';
  const utf16 = (order: 'le' | 'be'): Uint8Array => {
    const le = Buffer.from(`\uFEFF${text}`, 'utf16le');
    return order === 'le' ? le : le.swap16();
  };
  it.each([
    ['utf-8', bytes(text)],
    ['utf-8', bytes(`\uFEFF${text}`)],
    ['utf-16le', utf16('le')],
    ['utf-16be', utf16('be')],
    ['windows-1252', Buffer.from(text.replace('–', '\x96').replace('“', '\x93').replace('”', '\x94'), 'latin1')],
  ])('in %s are read', (encoding, input) => {
    expect(parseText(input)).toMatchObject({ encoding, cues: [{ text: 'Äpfel – für “Zoë”' }] });
  });

  it('are never too odd to be read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (input) => {
        expect(typeof decodeText(input).text).toBe('string');
        try {
          expect(parseText(input).cues.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ name: 'TextError' });
        }
      }),
    );
  });
});

const words = fc.string({ unit: 'grapheme', maxLength: 40 });
const tags = fc.constantFrom(
  '<b>',
  '</b>',
  '<i>',
  '</i>',
  '<c.x>',
  '</c>',
  '<v A & B>',
  '<ruby>',
  '<rt>',
  '</ruby>',
  '<script>',
  '<img src=x onerror=y>',
  '<00:01.000>',
  '&lt;',
  '&#60;script&#62;',
  '-->',
  '\n',
  '\n\n',
);
const markup = fc.array(fc.oneof(words, tags), { maxLength: 8 }).map((parts) => parts.join(''));

describe('markup', () => {
  it.each([
    ['a <b>b</b> <i>c', 'a <b>b</b> <i>c</i>'],
    ['<b><i>x</b></i>', '<b><i>x</i></b>'],
    ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['<b onclick="x">y</b>', '<b>y</b>'],
    ['1 < 2 & 3 > 2', '1 &lt; 2 &amp; 3 &gt; 2'],
    ['&amp;lt;b&amp;gt; &copy;', '&amp;lt;b&amp;gt; &amp;copy;'],
    ['<lang de-AT>Servus</lang><ruby>漢<rt>kan</rt></ruby>', '<lang de-AT>Servus</lang><ruby>漢<rt>kan</rt></ruby>'],
    ['<v "Tom" &lt;b&gt;>x', '<v "Tom" &lt;b&gt;>x</v>'],
    ['a\u0007b\n\n \nc', 'ab\nc'],
    ['<i> </i>', ''],
  ])('%j becomes %j', (raw, clean) => {
    expect(cleanMarkup(raw)).toBe(clean);
  });

  it('holds the tags that are allowed, closed in order, and nothing else that a player interprets', () => {
    fc.assert(
      fc.property(markup, (raw) => {
        const clean = cleanMarkup(raw);
        const open: string[] = [];
        const rest = clean.replace(/<(\/?)(b|i|u|c|v|lang|ruby|rt)((?:\.[\w-]+)*)( [^<>]*)?>/g, (_all, slash, name) => {
          if (slash) expect(open.pop()).toBe(name);
          else open.push(name);
          return '';
        });
        expect(open).toEqual([]);
        expect(rest).not.toMatch(/[<>]|&(?!(amp|lt|gt);)/);
        expect(clean).not.toMatch(/\n\s*\n|-->/);
        expect(cleanMarkup(clean)).toBe(clean);
      }),
    );
  });
});

const cues = fc
  .array(
    fc.record({
      startMs: fc.nat(7_200_000),
      lastMs: fc.integer({ min: 1, max: 20_000 }),
      text: markup.map(cleanMarkup).filter((text) => text !== ''),
      settings: fc.constantFrom('', 'line:0', 'align:end size:50%'),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((all) =>
    all.map(({ startMs, lastMs, text, settings }): Cue => ({ startMs, endMs: startMs + lastMs, settings, text })),
  );
const keys = (all: readonly Cue[]): string[] => all.map((cue) => JSON.stringify(cue)).toSorted();

describe('what was read', () => {
  it('is written so that it is read again', () => {
    fc.assert(
      fc.property(cues, (all) => {
        expect(keys(cuesOf(writeVtt(all)))).toEqual(keys(all));
      }),
    );
  });

  it('is the same from SubRip', () => {
    const time = (ms: number): string => vttTime(ms).replace('.', ',');
    fc.assert(
      fc.property(cues, (all) => {
        const plain = all.map((cue) => ({ ...cue, settings: '' }));
        const srt = plain.map(
          ({ startMs, endMs, text }, index) => `${index + 1}\n${time(startMs)} --> ${time(endMs)}\n${text}\n`,
        );
        expect(keys(cuesOf(srt.join('\n')))).toEqual(keys(plain));
      }),
    );
  });

  it('is in every segment that it overlaps, and in no other', () => {
    const lengths = fc.array(fc.double({ min: 0.5, max: 2_000, noNaN: true }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(cues, lengths, (all, durations) => {
        let at = 0;
        const spans = durations.map((durationS) => {
          const startS = at;
          at += durationS;
          return { startS, durationS };
        });
        const cut = cutCues(all, spans);
        for (const cue of all)
          for (const [index, { startS, durationS }] of spans.entries())
            expect(cut[index]?.includes(cue)).toBe(
              cue.startMs < (startS + durationS) * 1_000 && cue.endMs > startS * 1_000,
            );
      }),
    );
  });
});
