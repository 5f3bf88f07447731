import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Child, type ChildEvents, startChild } from './child.ts';

let dir: string;
let child: Child | undefined;
const exits: string[] = [];
const events: ChildEvents = { onExit: (_name, how, pauseMs) => exits.push(`${how}, ${pauseMs}`) };

beforeEach(async () => {
  exits.length = 0;
  dir = await mkdtemp(join(tmpdir(), 'nightfill-child-'));
});
afterEach(async () => {
  await child?.stop(2_000);
  await rm(dir, { recursive: true, force: true });
});

async function start(program: string, logFile: string): Promise<Child> {
  const main = join(dir, 'main.ts');
  await writeFile(main, program);
  child = startChild({ name: 'sample', main, env: { PATH: process.env.PATH ?? '' }, logFile }, events);
  return child;
}

describe('a supervised process', () => {
  it('goes on when the disk of its log is full, however much it writes', async () => {
    // More than a pipe holds: whoever is not read on stands still before it says that it listens.
    const program = `
      for (let i = 0; i < 64; i += 1) process.stdout.write('x'.repeat(65_536));
      process.stdout.write('end', () => process.send?.({ type: 'listening', port: 1 }));
      process.on('disconnect', () => process.exit(0));
      setInterval(() => {}, 1_000);`;
    await (await start(program, '/dev/full')).listening;
    expect(exits).toEqual([]);
  });

  it('is given up with the reason when its log cannot be opened', async () => {
    const started = await start('process.send?.({ type: "listening" });', join(dir, 'missing', 'sample.log'));
    await expect(started.listening).rejects.toThrow('ENOENT');
    expect(exits).toEqual([expect.stringMatching(/cannot be run: ENOENT.*, null$/)]);
  });
});
