import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { configurationPage, errorsPage } from './documentation.ts';

describe('pages made from code', () => {
  it.each([
    ['docs/configuration.md', configurationPage],
    ['docs/errors.md', errorsPage],
  ])('%s is what the code says (npm run docs makes it anew)', async (path, make) => {
    expect(await readFile(path, 'utf8')).toBe(make());
  });
});
