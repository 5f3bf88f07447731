import { createHash } from 'node:crypto';
import type { Asset } from '../../shared/domain/asset.ts';
import type { EncryptionScheme } from '../../shared/domain/encryption.ts';
import type { Packaging } from '../../shared/domain/manifest.ts';
import { type TextTrack, textWords } from '../../shared/domain/text-track.ts';
import { runProcess } from '../../shared/media/process.ts';
import { findProfile, type Profile, profileNames } from '../../shared/media/profiles.ts';
import type { ContentSecret } from '../../shared/tokens/content-keys.ts';
import { chunkSecondsFor } from './chunks.ts';
import { TranscodeRefusedError } from './failure.ts';

/** Everything besides the source that decides the bytes of a version. */
export interface Recipe {
  readonly profileName: string;
  readonly profile: Profile;
  readonly packaging: Packaging;
  /** Absent: the media stay clear. */
  readonly encryption?: { readonly scheme: EncryptionScheme; readonly secretId: string };
  /** Raised whenever the same inputs give other bytes. */
  readonly packager: string;
  /** ffmpeg's own version. */
  readonly encoder: string;
  /** Target duration of a segment. */
  readonly segmentS: number;
  /** Distance of keyframes; segments are cut at them. */
  readonly gopS: number;
  /** Length of the parts that are encoded by themselves; absent: the whole in one go. */
  readonly chunkS?: number;
}

export const packager = 'nightfill 8';

/** Keyframes every 2 s, or oftener where segments are shorter; always a whole number to a segment. */
export const gopSecondsFor = (segmentS: number): number => segmentS / Math.max(1, Math.round(segmentS / 2));

/** 16 hex digits that say what made the bytes, so that a job which is taken up again lands in the same place. */
export function versionIdOf(sourceSha256: string, recipe: Recipe): string {
  const { profileName, profile, packaging, encryption, packager, encoder, segmentS, gopS, chunkS } = recipe;
  const words = [sourceSha256, profileName, profile, packaging, packager, encoder, segmentS, gopS];
  if (chunkS !== undefined) words.push(chunkS);
  if (encryption) words.push(encryption.scheme, encryption.secretId);
  return createHash('sha256').update(JSON.stringify(words)).digest('hex').slice(0, 16);
}

/** The id of a version with uploaded text beside the media of another; without such text that one itself. */
export function withTexts(base: string, uploaded: readonly TextTrack[] = []): string {
  const words = textWords(uploaded);
  return words === '' ? base : createHash('sha256').update(`${base} ${words}`).digest('hex').slice(0, 16);
}

export interface RecipeSettings {
  /** As ffmpeg names itself. */
  readonly encoder: string;
  readonly segmentS: number;
  /** Wished length of a chunk; 0: never in chunks. */
  readonly chunkS: number;
  /** The first is for what is made now; empty: nothing can be encrypted. */
  readonly contentSecrets: readonly Pick<ContentSecret, 'id'>[];
}

/** @throws TranscodeRefusedError when the profile is gone, or a secret to encrypt by is missing. */
export function recipeFor(
  asset: Pick<Asset, 'profile' | 'packaging' | 'encryption' | 'source'>,
  { encoder, segmentS, chunkS: wishedS, contentSecrets }: RecipeSettings,
): Recipe {
  const { profile: profileName, packaging = 'segments', encryption = 'none', source } = asset;
  const profile = findProfile(profileName);
  if (!profile)
    throw new TranscodeRefusedError(
      'unknown-profile',
      `There is no profile "${profileName}". Upload again with one of: ${profileNames.join(', ')}.`,
    );
  const chunkS = chunkSecondsFor(source, wishedS, segmentS);
  return {
    profileName,
    profile,
    packaging,
    ...(encryption === 'none' ? {} : { encryption: { scheme: encryption, secretId: newestOf(contentSecrets) } }),
    packager,
    encoder,
    segmentS,
    gopS: gopSecondsFor(segmentS),
    ...(chunkS === null ? {} : { chunkS }),
  };
}

function newestOf([secret]: RecipeSettings['contentSecrets']): string {
  if (secret) return secret.id;
  throw new TranscodeRefusedError(
    'no-content-secret',
    'Nothing can be encrypted without NIGHTFILL_CONTENT_SECRET. Give it to control and the transcode workers, then upload the file again.',
  );
}

/** The same without chunks, for what cannot be cut. */
export const inOneGo = ({ chunkS: _, ...recipe }: Recipe): Recipe => recipe;

/** For example `ffmpeg 5.1.9-0+deb12u1`. */
export async function encoderVersion(ffmpegPath: string): Promise<string> {
  const output = await runProcess(ffmpegPath, ['-hide_banner', '-version'], { timeoutMs: 10_000 });
  const version = /^ffmpeg version (\S+)/.exec(output)?.[1];
  if (!version) throw new Error(`${ffmpegPath} does not say its version`);
  return `ffmpeg ${version}`;
}
