import { readFileSync } from 'node:fs';
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
