import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProcess } from './process.ts';

/** A zombie that nobody has waited for is dead. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};

describe('runProcess', () => {
  it('gives standard output whole, or line by line', async () => {
    expect(await runProcess('sh', ['-c', 'printf "a\\nb\\nc"'])).toBe('a\nb\nc');
    const lines: string[] = [];
    await runProcess('sh', ['-c', 'echo a; echo b'], { onLine: (line) => lines.push(line) });
    expect(lines).toEqual(['a', 'b']);
  });

  it('says how a program failed', async () => {
    await expect(runProcess('sh', ['-c', 'echo the disk is full >&2; exit 3'])).rejects.toMatchObject({
      code: 'exit-code',
      message: expect.stringContaining('the disk is full'),
    });
    await expect(runProcess('no-such-program-here', [])).rejects.toMatchObject({ code: 'not-started' });
    await expect(runProcess('sleep', ['20'], { timeoutMs: 50 })).rejects.toMatchObject({ code: 'timed-out' });
    await expect(runProcess('sh', ['-c', 'echo a; sleep 20'], { silenceMs: 200 })).rejects.toMatchObject({
      code: 'timed-out',
    });
    await expect(runProcess('yes', [], { maxOutputBytes: 10_000 })).rejects.toMatchObject({ code: 'output-too-large' });
  });

  it('is held to memory, CPU time and the size of files', async () => {
    const limits = { memoryBytes: 512 * 1024 ** 2, fileSizeBytes: 1024, cpuS: 1 };
    const dir = await mkdtemp(join(tmpdir(), 'nightfill-process-'));
    try {
      const write = `head -c 100000 /dev/zero > ${join(dir, 'large')}`;
      await expect(runProcess('sh', ['-c', write], { limits })).rejects.toMatchObject({ code: 'exit-code' });
      expect((await stat(join(dir, 'large'))).size).toBe(1024);
      await expect(runProcess('sh', ['-c', 'while :; do :; done'], { limits })).rejects.toThrow(/SIGXCPU|SIGKILL/);

      const block = ['if=/dev/zero', 'of=/dev/null', 'bs=700M', 'count=1'];
      await expect(runProcess('dd', block, { limits })).rejects.toMatchObject({ code: 'exit-code' });
      await expect(runProcess('echo', ['fine'], { limits })).resolves.toBe('fine\n');
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it('kills the whole family on abort', async () => {
    const stop = new AbortController();
    let grandchild = 0;
    const running = runProcess('sh', ['-c', 'sleep 60 & echo $!; wait'], {
      signal: stop.signal,
      onLine: (line) => {
        grandchild = Number(line);
        stop.abort(new Error('enough'));
      },
    });
    await expect(running).rejects.toThrow('enough');
    await expect.poll(() => isAlive(grandchild)).toBe(false);
  });
});
