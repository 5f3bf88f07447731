import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Packaging } from '../../../shared/domain/manifest.ts';
import { probeSource } from '../../../shared/media/probe.ts';
import type { Profile } from '../../../shared/media/profiles.ts';
import { openContent } from '../digest.ts';
import { encode } from '../encode.ts';
import { type PackagedAsset, packageAsset } from '../package.ts';
import { planEncode } from '../plan.ts';
import { packager, type Recipe } from '../recipe.ts';
import type { Sealing } from '../seal.ts';

/** The product's way at a size that a test can afford, with rates low enough to bind. */
export const smallProfile: Profile = {
  rungs: [
    { heightPx: 144, maxRateBps: 120_000 },
    { heightPx: 90, maxRateBps: 60_000 },
  ],
  crf: 20,
  preset: 'veryfast',
  audioRateBps: 64_000,
};
const recipe: Omit<Recipe, 'packaging'> = {
  profileName: 'test',
  profile: smallProfile,
  packager,
  encoder: 'ffmpeg',
  segmentS: 4,
  gopS: 2,
};

export interface Made {
  readonly packaged: PackagedAsset;
  /** The published tree. */
  readonly dir: string;
}

export interface MakeOptions {
  readonly runs?: number;
  readonly packaging?: Packaging;
  readonly profile?: Profile;
  readonly segmentS?: number;
  readonly sealing?: Sealing | null;
}

/** Encodes and packages a source into new folders below `folder`. */
export function makePackaging(folder: string) {
  let count = 0;
  return async (sourcePath: string, options: MakeOptions = {}): Promise<Made> => {
    const { runs = 2, packaging = 'segments', profile = smallProfile, segmentS = recipe.segmentS, sealing } = options;
    const dir = join(folder, `run-${count++}`);
    const encodedDir = `${dir}-encoded`;
    await mkdir(encodedDir);
    await mkdir(dir);
    const plan = planEncode(sourcePath, encodedDir, await probeSource(sourcePath, { isWhole: true }), {
      ...recipe,
      profile,
      packaging,
      segmentS,
    });
    const signal = AbortSignal.timeout(60_000);
    await encode(plan, { ffmpegPath: 'ffmpeg', runs, signal, onProgress: () => undefined });
    const packaged = await packageAsset(
      plan,
      { dir: `${dir}-previews`, ffmpegPath: 'ffmpeg', signal },
      undefined,
      sealing,
    );
    for (const { facts, content } of packaged.files) {
      const path = join(dir, facts.path);
      await mkdir(dirname(path), { recursive: true });
      await pipeline(openContent(content), createWriteStream(path));
    }
    return { packaged, dir };
  };
}
