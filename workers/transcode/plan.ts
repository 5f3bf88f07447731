/** What is made of a source: which renditions, at which sizes and rates. Pure. */
import { join } from 'node:path';
import type { SourceAudio } from '../../shared/domain/asset.ts';
import { fps } from '../../shared/media/frame-rate.ts';
import type { ProbedSource } from '../../shared/media/probe.ts';
import type { Profile } from '../../shared/media/profiles.ts';
import type { AudioOutput, EncodePlan } from './encode-args.ts';
import { type Ladder, makeLadder } from './ladder.ts';
import type { Recipe } from './recipe.ts';

/** Tracks beyond these are left out; who has more has commentaries of commentaries. */
const maxAudioTracks = 16;
const surroundChannels = 6;
/** AAC's rate for five channels and a low one, against stereo's. */
const surroundRateFactor = 2.5;

export function planEncode(inputPath: string, dir: string, source: ProbedSource, recipe: Recipe): EncodePlan {
  const pathOf = (id: string): string => join(dir, `${id}.mp4`);
  const ladder: Ladder | null = source.video ? makeLadder(source.video, recipe.profile, recipe.gopS) : null;
  return {
    inputPath,
    source,
    ladder,
    recipe: onGrid(recipe, ladder),
    video: (ladder?.rungs ?? []).map(({ id }) => ({ id, path: pathOf(id) })),
    audio: planAudio(source.audioTracks, recipe.profile).map((output) => ({
      ...output,
      path: pathOf(output.id),
      silenceS: missingS(source, source.ends?.audio[output.track]),
    })),
    holdS: missingS(source, source.ends?.video),
  };
}

/** Less is no trouble to players. */
const leastMissingS = 0.25;

/**
 * What a track ends before the longest, as the file says: players wait for ever for what one rendition has and another has
 * not (Apple's authoring specification, 8.7). By what the file says, so that one that is cut off is still found to be.
 */
function missingS({ ends }: Pick<ProbedSource, 'ends'>, endS: number | null | undefined): number {
  if (!ends || endS === null || endS === undefined) return 0;
  const longestS = Math.max(endS, ...[ends.video, ...ends.audio].map((one) => one ?? 0));
  const missing = Math.round((longestS - endS) * 1000) / 1000;
  return missing > leastMissingS ? missing : 0;
}

/** Where groups have a whole number of frames, segments have a whole number of those groups: 6.006 s rather than 6 s at 29.97. */
function onGrid(recipe: Recipe, ladder: Ladder | null): Recipe {
  if (!ladder?.gopFrames) return recipe;
  const gopS = ladder.gopFrames / fps(ladder.frameRate);
  return { ...recipe, gopS, segmentS: gopS * Math.max(1, Math.round(recipe.segmentS / gopS)) };
}

type PlannedAudio = Omit<AudioOutput, 'path' | 'silenceS'>;

/**
 * Every track becomes stereo, which every device plays; one of six channels or more is kept as 5.1 too, as a choice of its
 * own, since players that take it by themselves would have to have the loudspeakers.
 */
export function planAudio(tracks: readonly SourceAudio[], { audioRateBps }: Profile): PlannedAudio[] {
  const outputs = tracks
    .slice(0, maxAudioTracks)
    .flatMap(({ channels, language = null, title = null, track = 0 }, index) => {
      const label = nameOf(language, title);
      const prefix = index === 0 ? 'audio' : `audio${index + 1}`;
      const output = (count: number, rateBps: number, name: string): PlannedAudio => ({
        id: `${prefix}-${Math.round(rateBps / 1000)}k`,
        track,
        channels: count,
        rateBps,
        language,
        name,
      });
      const stereo = output(2, audioRateBps, label);
      const surround = output(surroundChannels, Math.round(audioRateBps * surroundRateFactor), `${label} 5.1`);
      return channels >= surroundChannels ? [stereo, surround] : [stereo];
    });
  return distinctNames(outputs);
}

/** The track's own title, else the language's own name for itself. */
function nameOf(language: string | null, title: string | null): string {
  const cleaned = (title ?? '')
    .replace(/["\p{Cc}]/gu, '')
    .trim()
    .slice(0, 60);
  if (cleaned !== '') return cleaned;
  if (language === null) return 'Original';
  return new Intl.DisplayNames([language], { type: 'language', fallback: 'code' }).of(language) ?? language;
}

/** NAMEs of one group must differ (RFC 8216 §4.3.4.1.1). */
function distinctNames<T extends { readonly name: string }>(outputs: readonly T[]): T[] {
  const seen = new Map<string, number>();
  return outputs.map((output) => {
    const count = (seen.get(output.name) ?? 0) + 1;
    seen.set(output.name, count);
    return count === 1 ? output : { ...output, name: `${output.name} (${count})` };
  });
}
