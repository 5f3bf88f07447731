import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findAccess } from './access.ts';

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'nightfill-access-'));
});
afterEach(() => rm(data, { recursive: true }));

const written = { apiUrl: 'http://127.0.0.1:8080', apiKey: 'written-by-up-000' };
const write = (value: unknown): Promise<void> => writeFile(join(data, 'access.json'), JSON.stringify(value));

describe('findAccess', () => {
  it('takes what up wrote when nothing else is said', async () => {
    await write(written);
    expect(await findAccess({ data }, {})).toMatchObject(written);
  });

  it('prefers options to the environment, and the environment to the file', async () => {
    await write(written);
    const env = { NIGHTFILL_API: 'http://other:1/', NIGHTFILL_API_KEY: 'from-environment-0' };
    expect(await findAccess({ data }, env)).toMatchObject({ apiUrl: 'http://other:1', apiKey: 'from-environment-0' });
    expect(await findAccess({ data, api: 'https://third', key: 'k' }, env)).toMatchObject({
      apiUrl: 'https://third',
      apiKey: 'k',
    });
  });

  it('never sends the written key to another address', async () => {
    await write(written);
    await expect(findAccess({ data, api: 'http://elsewhere' }, {})).rejects.toThrow(/no key for http:\/\/elsewhere/);
    expect(await findAccess({ data, api: written.apiUrl }, {})).toMatchObject(written);
  });

  it('says what to do where there is nothing, or nothing that can be read', async () => {
    await expect(findAccess({ data }, {})).rejects.toMatchObject({ exitCode: 3, message: /start it with npm start/ });
    await writeFile(join(data, 'access.json'), '{"apiUrl":');
    await expect(findAccess({ data }, {})).rejects.toMatchObject({ exitCode: 2, message: /not an access file/ });
    await expect(findAccess({ data, api: 'localhost:80' }, {})).rejects.toMatchObject({ exitCode: 2 });
    await expect(findAccess({ data }, { NIGHTFILL_API_KEY: 'short' })).rejects.toMatchObject({
      exitCode: 2,
      message: /NIGHTFILL_API_KEY must have at least/,
    });
  });
});
