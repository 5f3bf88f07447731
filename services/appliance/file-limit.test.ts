import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { connectionsWithin } from './file-limit.ts';

it('connections leave files to be opened, whatever the system allows', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'nightfill-limits-'));
  const path = join(dir, 'limits');
  const limited = (files: string) =>
    writeFile(path, `Limit                     Soft Limit\nMax open files            ${files}  524288  files\n`);
  try {
    for (const [allowed, connections] of [
      ['1048576', 20_000],
      ['20000', 17_500],
      ['1024', 512],
      ['unlimited', 20_000],
    ] as const) {
      await limited(allowed);
      expect(await connectionsWithin(20_000, path)).toBe(connections);
    }
    expect(await connectionsWithin(20_000, join(dir, 'none'))).toBe(20_000);
  } finally {
    await rm(dir, { recursive: true });
  }
});
