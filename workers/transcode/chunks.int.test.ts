import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { probeSource } from '../../shared/media/probe.ts';
import { runProcess } from '../../shared/media/process.ts';
import { findProfile, type Profile } from '../../shared/media/profiles.ts';
import { ffmpeg, makeClip, makeClipFolder } from '../../shared/testing/clips.ts';
import { type Chunk, planChunks } from './chunks.ts';
import { type EncodePlan, pictureArgs } from './encode-args.ts';
import { planOfPart } from './encode-part.ts';
import { planEncode } from './plan.ts';
import type { Recipe } from './recipe.ts';
import { unseekable } from './seek-check.ts';

const clips = await makeClipFolder();
const out = await mkdtemp(join(tmpdir(), 'nightfill-frames-'));
afterAll(async () => {
  await clips.dispose();
  await rm(out, { recursive: true, force: true });
});

const preview: Profile | null = findProfile('preview');
if (!preview) throw new Error('there is no preview profile');
const recipe: Recipe = {
  profileName: 'preview',
  profile: preview,
  packaging: 'segments',
  packager: 'test',
  encoder: 'test',
  segmentS: 2,
  gopS: 2,
  chunkS: 4,
};

/** Hashes of the frames that a plan's encoder would get. */
async function framesOf(plan: EncodePlan): Promise<readonly string[]> {
  const path = join(out, 'frames.md5');
  const part = { rungs: [0], audio: false };
  const hashOutput = plan.chunk ? ['-map', '[hash]', '-f', 'null', '-'] : [];
  // What an open group of pictures lacks at its beginning is complained about, and is cut off.
  await runProcess('ffmpeg', [
    ...['-nostdin', '-v', 'error', '-y', ...pictureArgs(plan, part), ...hashOutput],
    ...['-map', '[v0]', '-fps_mode', 'cfr', '-f', 'framemd5', path],
  ]);
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => /^\d/.test(line));
  return lines.map((line) => line.split(',').at(-1)?.trim() ?? '');
}

interface Cut {
  readonly plan: EncodePlan;
  readonly chunks: readonly Chunk[];
}

async function cut(path: string): Promise<Cut> {
  const source = await probeSource(path);
  const plan = planEncode(path, out, source, recipe);
  return { plan, chunks: plan.ladder ? planChunks(source.durationS, plan.ladder, plan.recipe) : [] };
}

const check = ({ plan, chunks }: Cut) =>
  unseekable(plan.inputPath, chunks, { ffprobePath: 'ffprobe', signal: AbortSignal.timeout(30_000), farthestS: 4 });

async function makeSource(name: string, output: readonly string[] = [], seconds = 9): Promise<string> {
  return makeClip(clips.dir, name, { seconds, sound: false, output: ['-preset', 'fast', '-g', '45', ...output] });
}

describe('the frames of all chunks, before they are encoded, are those of the whole', () => {
  it.each([
    [
      'with B-frames, at 29.97',
      () =>
        makeClip(clips.dir, 'b.mp4', {
          rate: '30000/1001',
          seconds: 9,
          sound: false,
          output: ['-preset', 'fast', '-g', '45'],
        }),
    ],
    ['with open groups of pictures', () => makeSource('open.mp4', ['-x264-params', 'open-gop=1:keyint=40'])],
    [
      'of a variable rate, as a phone makes it',
      () => makeSource('vfr.mp4', ['-vf', "select='mod(n,3)+lt(mod(n,97),30)'", '-fps_mode', 'vfr']),
    ],
    ['that begins late on its clock', () => makeSource('late.mkv', ['-output_ts_offset', '3.7'])],
    [
      'turned by 90 degrees',
      async () => {
        const turned = join(clips.dir, 'turned.mp4');
        await ffmpeg(['-i', await makeSource('lying.mp4'), '-c', 'copy', '-metadata:s:v', 'rotate=90', turned]);
        return turned;
      },
    ],
    [
      'with an edit list that begins in the middle',
      async () => {
        const edited = join(clips.dir, 'edited.mp4');
        await ffmpeg(['-ss', '1.3', '-i', await makeSource('whole.mp4'), '-c', 'copy', edited]);
        return edited;
      },
    ],
  ])('of a source %s', async (_name, make) => {
    const { plan, chunks } = await cut(await make());
    expect(chunks.length).toBeGreaterThanOrEqual(2);
    expect(await check({ plan, chunks })).toBeNull();
    const parts: string[] = [];
    for (const chunk of chunks) parts.push(...(await framesOf(planOfPart(plan, chunk, out))));
    const whole = await framesOf(plan);
    expect(whole.length).toBeGreaterThan(210);
    expect(parts).toEqual(whole);
  });
});

describe('a source that cannot be read from the middle', () => {
  it('is told by the lack of key frames', async () => {
    const one = await cut(
      await makeSource('one-group.mp4', ['-g', '1000', '-keyint_min', '1000', '-sc_threshold', '0'], 11),
    );
    expect(await check(one)).toMatch(/no key frame in the 4 s before 7 s/);
  });
});
