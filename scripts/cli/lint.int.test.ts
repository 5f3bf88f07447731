import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg, makeClipFolder } from '../../shared/testing/clips.ts';
import { start } from './testing/run.ts';

const clips = await makeClipFolder();
const stream = join(clips.dir, 'stream');
beforeAll(async () => {
  await mkdir(stream);
  await ffmpeg([
    ...['-f', 'lavfi', '-i', 'testsrc2=size=160x90:rate=30:duration=3', '-c:v', 'libx264', '-preset', 'ultrafast'],
    ...['-pix_fmt', 'yuv420p', '-f', 'hls', '-hls_playlist_type', 'vod', '-hls_flags', 'independent_segments'],
    join(stream, 'index.m3u8'),
  ]);
});
afterAll(() => clips.dispose());

const lint = (...args: string[]) => start(['lint', ...args]).ended;

describe('lint', () => {
  it('ends with 0 on a sound stream, without any installation', async () => {
    const { code, stdout, stderr } = await lint(stream);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/rules could be judged: 0 errors/);
  });

  it('ends with 1 on an error and names rule, place and measure', async () => {
    const broken = join(stream, 'broken.m3u8');
    await writeFile(broken, (await readFile(join(stream, 'index.m3u8'), 'utf8')).replace(/DURATION:\d+/, 'DURATION:1'));
    const { code, stdout } = await lint(broken);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^error {3}NF201 .*RFC 8216 §4\.3\.3\.1/m);
    expect(stdout).toMatch(/broken\.m3u8 index0\.ts: 3 s \(expected: at most 1\.5 s\)/);

    const machine = await lint(broken, '--json');
    expect(machine.code).toBe(1);
    expect(JSON.parse(machine.stdout)).toMatchObject({
      ok: false,
      counts: { error: 1 },
      findings: [{ rule: 'NF201', severity: 'error', at: 'broken.m3u8 index0.ts', measured: '3 s' }],
    });
    await rm(broken);
  });

  it('tells what it cannot read', async () => {
    expect(await lint(join(stream, 'no.m3u8'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no'),
    });
    expect(await lint(clips.dir)).toMatchObject({ code: 2, stderr: expect.stringContaining('master.m3u8') });
    expect(await lint(join(stream, 'index0.ts'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('#EXTM3U'),
    });
    expect(await lint('http://127.0.0.1:9/x.m3u8', '--timeout', '2s')).toMatchObject({ code: 1 });
  });
});
