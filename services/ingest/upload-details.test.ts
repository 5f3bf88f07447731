import { describe, expect, it } from 'vitest';
import { Problem } from '../../shared/platform/problem.ts';
import { type GivenDetails, readUploadDetails } from './upload-details.ts';

const read = (given: GivenDetails) => readUploadDetails(given, ['default', 'preview', 'av1']);

describe('what an uploader says of a file', () => {
  it('gets a title from the file name, and a profile by default', () => {
    expect(read({ fileName: 'Evening news.2026-11-20.mp4' })).toEqual({
      fileName: 'Evening news.2026-11-20.mp4',
      title: 'Evening news.2026-11-20',
      tags: [],
      series: null,
      premiereDate: null,
      premieresAt: null,
      mustHave: false,
      profile: 'default',
      packaging: 'segments',
      encryption: 'none',
      earlyPlay: null,
      sha256: null,
    });
    expect(read({ fileName: '.mp4' }).title).toBe('.mp4');
    expect(read({}).title).toBe('Untitled');
    expect(read({ title: ' \t ', fileName: 'x.mov' }).title).toBe('x');
  });

  it('says from when it may be played, by the clock of whoever says it, and whether fills must bring it', () => {
    const given = { premieresAt: '2026-12-24T20:15:00+01:00', mustHave: 'true' };
    expect(read(given)).toMatchObject({ premieresAt: '2026-12-24T19:15:00.000Z', mustHave: true });
    expect(() => read({ premieresAt: '2026-12-24T20:15:00' })).toThrow(/premieresAt must be an instant such as/);
    expect(() => read({ mustHave: 'yes' })).toThrow(/mustHave must be true or false/);
  });

  it('says whether it may be played early, as a form or as JSON has it', () => {
    expect(read({ earlyPlay: 'false' }).earlyPlay).toBe(false);
    expect(read({ earlyPlay: true }).earlyPlay).toBe(true);
    expect(() => read({ earlyPlay: 'no' })).toThrow(/earlyPlay must be true or false/);
  });

  it('is one line of well-formed text, whatever came', () => {
    expect(read({ title: 'a\r\nSet-Cookie: b\u0000\u0007 \ud800' }).title).toBe('a Set-Cookie: b \ufffd');
    expect(read({ title: 'e\u0301te\u0301' }).title).toBe('été');
    expect(read({ tags: [' a ', 'a', '', 'b\nc'] }).tags).toEqual(['a', 'b c']);
  });

  it('never keeps a path in a file name, and keeps its ending when it is cut', () => {
    for (const name of ['/etc/x.mp4', '..\\..\\x.mp4', 'a/../x.mp4'])
      expect(read({ fileName: name }).fileName).toBe('x.mp4');
    const long = read({ fileName: `${'n'.repeat(400)}.webm` });
    expect(long.fileName).toHaveLength(255);
    expect(long.fileName).toMatch(/n\.webm$/);
    expect(long.title).toHaveLength(200);
  });

  it('says how its media are encrypted, where the packaging allows it', () => {
    expect(read({ encryption: 'cbcs', packaging: 'single-file' }).encryption).toBe('cbcs');
    expect(read({ encryption: 'aes-128' }).encryption).toBe('aes-128');
    expect(() => read({ encryption: 'aes-128', packaging: 'single-file' })).toThrow(/packaging segments only/);
    expect(() => read({ encryption: 'cbcs', profile: 'av1' })).toThrow(/AV1/);
    expect(read({ encryption: 'aes-128', profile: 'av1' }).encryption).toBe('aes-128');
  });

  it('is refused with every mistake at once', () => {
    const given = {
      title: 't'.repeat(201),
      tags: ['x'.repeat(65)],
      series: 's'.repeat(201),
      premiereDate: '2026-02-30',
      packaging: 'parcel',
      encryption: 'rot13',
      profile: 'cinema',
      sha256: 'abc',
    };
    try {
      read(given);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(Problem);
      expect((error as Problem).errors?.map(({ at }) => at)).toEqual([
        'title',
        'tag',
        'series',
        'premiereDate',
        'packaging',
        'encryption',
        'profile',
        'sha256',
      ]);
    }
  });
});
