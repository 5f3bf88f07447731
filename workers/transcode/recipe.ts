import { createHash } from 'node:crypto';
import type { Packaging } from '../../shared/domain/manifest.ts';
import { type TextTrack, textWords } from '../../shared/domain/text-track.ts';
import { runProcess } from '../../shared/media/process.ts';
import type { Profile } from '../../shared/media/profiles.ts';

/** Everything besides the source that decides the bytes of a version. */
export interface Recipe {
  readonly profileName: string;
  readonly profile: Profile;
  readonly packaging: Packaging;
  /** Raised whenever the same inputs give other bytes. */
  readonly packager: string;
  /** ffmpeg's own version. */
  readonly encoder: string;
  /** Target duration of a segment. */
  readonly segmentS: number;
  /** Distance of keyframes; segments are cut at them. */
  readonly gopS: number;
}

export const packager = 'nightfill 4';

/** Keyframes every 2 s, or oftener where segments are shorter; always a whole number to a segment. */
export const gopSecondsFor = (segmentS: number): number => segmentS / Math.max(1, Math.round(segmentS / 2));

/** 16 hex digits that say what made the bytes, so that a job which is taken up again lands in the same place. */
export function versionIdOf(sourceSha256: string, recipe: Recipe): string {
  const { profileName, profile, packaging, packager, encoder, segmentS, gopS } = recipe;
  const words = [sourceSha256, profileName, profile, packaging, packager, encoder, segmentS, gopS];
  return createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 16);
}

/** The id of a version with uploaded text beside the media of another; without such text that one itself. */
export function withTexts(base: string, uploaded: readonly TextTrack[] = []): string {
  const words = textWords(uploaded);
  return words === '' ? base : createHash('sha256').update(`${base} ${words}`).digest('hex').slice(0, 16);
}

/** For example `ffmpeg 5.1.9-0+deb12u1`. */
export async function encoderVersion(ffmpegPath: string): Promise<string> {
  const output = await runProcess(ffmpegPath, ['-hide_banner', '-version'], { timeoutMs: 10_000 });
  const version = /^ffmpeg version (\S+)/.exec(output)?.[1];
  if (!version) throw new Error(`${ffmpegPath} does not say its version`);
  return `ffmpeg ${version}`;
}
