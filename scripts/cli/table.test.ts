import { describe, expect, it } from 'vitest';
import { type Column, factLines, tableLines } from './table.ts';
import { displayWidth, fitText } from './width.ts';

const columns: readonly Column[] = [{ head: 'ID' }, { head: 'SIZE', align: 'right' }, { head: 'TITLE', shrink: true }];

describe('displayWidth and fitText', () => {
  it('counts columns, not characters', () => {
    expect(['abc', 'é', '日本', '🎬', 'e\u0301', '\u001b[31mred\u001b[0m'].map(displayWidth)).toEqual([
      3, 1, 4, 2, 1, 3,
    ]);
  });

  it('cuts between whole letters and says so', () => {
    expect(fitText('short', 5)).toBe('short');
    expect(fitText('longer', 5)).toBe('long…');
    expect(fitText('日本語', 4)).toBe('日…');
    expect(fitText('anything', 0)).toBe('');
  });
});

describe('tableLines', () => {
  const rows = [
    ['a', '1 B', 'A film'],
    ['bb', '10 KiB', '日本の映画 with a long title'],
  ];

  it('aligns, with numbers on the right and nothing behind the last letter', () => {
    expect(tableLines(columns, rows, null)).toEqual([
      'ID    SIZE  TITLE',
      'a      1 B  A film',
      'bb  10 KiB  日本の映画 with a long title',
    ]);
  });

  it('fits the terminal by cutting free text only', () => {
    const lines = tableLines(columns, rows, 28);
    expect(lines.map(displayWidth).every((width) => width <= 28)).toBe(true);
    expect(lines[2]).toMatch(/^bb {2}10 KiB {2}日本の映画 with…?/);
    // Narrower than what must not be cut: ids and numbers stay whole.
    expect(tableLines(columns, rows, 10)[2]).toMatch(/^bb {2}10 KiB {2}/);
  });

  it('is only a head without rows', () => {
    expect(tableLines(columns, [], 80)).toEqual(['ID  SIZE  TITLE']);
  });
});

describe('factLines', () => {
  it('puts values under each other and leaves out what is not known', () => {
    expect(
      factLines([
        ['id', 'x'],
        ['nothing', null],
        ['title', 'A film'],
      ]),
    ).toEqual(['id     x', 'title  A film']);
  });
});
