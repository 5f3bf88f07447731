import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readTextFile, textOption } from './text-files.ts';

const folder = await mkdtemp(join(tmpdir(), 'nightfill-texts-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('subtitle files at the command line', () => {
  it('are named with their language, one after the other', () => {
    expect(textOption('PT-br=a=b.srt', textOption('de=film.de.srt'))).toEqual([
      { language: 'de', path: 'film.de.srt' },
      { language: 'pt-BR', path: 'a=b.srt' },
    ]);
    for (const wrong of ['film.srt', 'de=', '=film.srt', 'deutsch!=film.srt'])
      expect(() => textOption(wrong)).toThrow('such as de=film.de.srt');
  });

  it('are refused with their line before anything is sent', async () => {
    const path = join(folder, 'bad.srt');
    await writeFile(path, '1\n00:00:01,000 --> later\nA\n');
    await expect(readTextFile(path)).rejects.toThrow(`${path}: line 2: these are no times`);
    await expect(readTextFile(join(folder, 'none.srt'))).rejects.toThrow('does not exist');
  });
});
