/**
 * A film that can be asked where it is and what it plays: a grey field whose level is the time, over a picture that keeps
 * the encoder busy; German sound at 440 Hz and English at 880; subtitles in both.
 */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeStoreDocuments } from '../../../shared/adapters/documents/store-documents.ts';
import { storeKeys } from '../../../shared/domain/keys.ts';
import type { Manifest, Packaging } from '../../../shared/domain/manifest.ts';
import { probeSource } from '../../../shared/media/probe.ts';
import type { CodecLadder, Profile } from '../../../shared/media/profiles.ts';
import { systemClock as clock } from '../../../shared/platform/clock.ts';
import type { ObjectStore } from '../../../shared/ports/object-store.ts';
import { makeTestAsset } from '../../../shared/testing/catalogue-contract.ts';
import { ffmpeg } from '../../../shared/testing/clips.ts';
import { type SaidText, srtOf } from '../../../shared/testing/text-clips.ts';
import { parseContentSecrets } from '../../../shared/tokens/content-keys.ts';
import { makeMakeVersion } from '../../../workers/transcode/make-version.ts';
import { packager, type Recipe, versionIdOf } from '../../../workers/transcode/recipe.ts';
import { makeScratch } from '../../../workers/transcode/scratch.ts';

export const filmS = 10;
export const framesPerSecond = 25;
export const samplesPerSecond = 48_000;
/** Of the rungs of H.264. */
export const heights = [180, 120, 90] as const;
export const toneHz = { de: 440, en: 880 } as const;
export type FilmLanguage = keyof typeof toneHz;
/** The second one is shown across the boundary of two segments. */
export const said: Readonly<Record<FilmLanguage, readonly SaidText[]>> = {
  de: [
    { startS: 1, endS: 2, text: 'eins' },
    { startS: 5, endS: 6.8, text: 'über die Grenze' },
    { startS: 7.5, endS: 9, text: 'drei' },
  ],
  en: [
    { startS: 1, endS: 2, text: 'one' },
    { startS: 5, endS: 6.8, text: 'across the boundary' },
    { startS: 7.5, endS: 9, text: 'three' },
  ],
};
/** Of the grey field's luma, which has 219 steps from black to white. */
const [black, lumaPerSecond] = [16, 20];
/** How far an encoder may leave the field from its time: steps of a level or two are not worth bits to it. */
export const fieldToleranceS = 0.6;
export const timeOfLuma = (luma = 0): number => (luma - black) / lumaPerSecond;
/** Of the field as a canvas has it, in 255 steps. */
export const timeOfLevel = (level: number): number => (level * 219) / 255 / lumaPerSecond;

const profile: Profile = {
  rungs: heights.map((heightPx) => ({ heightPx, maxRateBps: heightPx * 1_200 })),
  crf: 22,
  preset: 'ultrafast',
  audioRateBps: 64_000,
};
/** Of a height that no rung of H.264 has, so that a picture says which codec it comes from. */
export const besideHeight = 100;
const besideRungs = [{ heightPx: besideHeight, maxRateBps: 100_000 }];
export const beside = {
  av1: { codec: 'av1', rungs: besideRungs, crf: 35, preset: '12' },
  hevc: { codec: 'hevc', rungs: besideRungs, crf: 26, preset: 'ultrafast' },
} as const satisfies Readonly<Record<string, CodecLadder>>;

export const contentSecrets = parseContentSecrets('the secret of films that exist only in tests');

export async function makeFilm(dir: string): Promise<string> {
  const texts: string[] = [];
  for (const [language, cues] of Object.entries(said)) {
    const path = join(dir, `${language}.srt`);
    await writeFile(path, srtOf(cues));
    texts.push('-i', path);
  }
  const rate = `rate=${framesPerSecond}`;
  const path = join(dir, 'film.mkv');
  await ffmpeg([
    ...['-f', 'lavfi', '-i', `testsrc2=size=320x180:${rate}`, '-f', 'lavfi', '-i', `color=black:size=120x80:${rate}`],
    ...[
      '-f',
      'lavfi',
      '-i',
      `sine=${toneHz.de}:r=${samplesPerSecond}`,
      '-f',
      'lavfi',
      '-i',
      `sine=${toneHz.en}:r=${samplesPerSecond}`,
      ...texts,
    ],
    ...['-filter_complex', `[1]eq=brightness='t*${lumaPerSecond / 255}':eval=frame[field];[0][field]overlay[v]`],
    ...['-map', '[v]', '-map', '2', '-map', '3', '-map', '4', '-map', '5', '-t', `${filmS}`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-c:a', 'flac', '-c:s', 'subrip'],
    ...['-metadata:s:a:0', 'language=deu', '-metadata:s:a:1', 'language=eng'],
    ...['-metadata:s:s:0', 'language=deu', '-metadata:s:s:1', 'language=eng', path],
  ]);
  return path;
}

/** As the transcode worker does, in segments of two seconds. */
export async function publishFilm(
  store: ObjectStore,
  { path, dir, packaging, beside, isEncrypted = false }: FilmOrder,
): Promise<Manifest> {
  const id = [packaging, beside?.codec ?? 'h264', isEncrypted ? 'cbcs' : 'clear'].join('-');
  const { sizeBytes, sha256 } = await store.put(storeKeys.upload(id), createReadStream(path));
  const asset = makeTestAsset(id, {
    source: { fileName: 'film.mkv', sizeBytes, sha256, ...(await probeSource(path)) },
    sourceKey: storeKeys.upload(id),
    packaging,
  });
  const recipe: Recipe = {
    ...{ profileName: 'test', packaging, packager, encoder: 'ffmpeg', segmentS: 2, gopS: 2 },
    profile: beside ? { ...profile, beside } : profile,
    ...(isEncrypted ? { encryption: { scheme: 'cbcs', secretId: contentSecrets[0]?.id ?? '' } } : {}),
  };
  const makeVersion = makeMakeVersion({
    ...{ store, clock, documents: makeStoreDocuments(store), scratch: makeScratch(join(dir, 'scratch')) },
    ...{ catalogue: { setProgress: async () => undefined }, encodeRuns: 1, contentSecrets },
    ...{ ffmpegPath: 'ffmpeg', ffprobePath: 'ffprobe' },
  });
  return makeVersion({ asset, version: versionIdOf(sha256, recipe), recipe, signal: AbortSignal.timeout(120_000) });
}

export interface FilmOrder {
  readonly path: string;
  readonly dir: string;
  readonly packaging: Packaging;
  readonly beside?: CodecLadder;
  /** By CBCS. */
  readonly isEncrypted?: boolean;
}
