/**
 * Share of a title's plays that use each of its renditions.
 *
 * Viewers who watched a picture of some height and codec elsewhere get the highest rendition of this title up to it (or its
 * lowest), in their codec where the title has it; every play uses one of its sound tracks. Drawn towards equal shares while little
 * was played. The lowest video rendition is credited with as much as the most watched one: players begin with it and
 * fall back to it, so that without it a viewer may not play at all.
 */
import type { Rendition } from '../manifest.ts';
import { parseRenditionClass, renditionClass } from '../rendition-class.ts';
import { type Audience, trustOf } from './audience.ts';

/** Rendition id → share; text has none. Without an audience all are equal. */
export function renditionShares(
  renditions: readonly Rendition[],
  audience: Audience | null,
): ReadonlyMap<string, number> {
  const videos = renditions.filter(({ kind }) => kind === 'video').sort((a, b) => a.bandwidthBps - b.bandwidthBps);
  const sounds = renditions.filter(({ kind }) => kind === 'audio');
  const usual = 1 / Math.max(1, videos.length || sounds.length);
  const shares = new Map([...videos, ...sounds].map(({ id }) => [id, usual]));
  if (!audience) return shares;
  const trust = trustOf(audience);
  const learn = (learnt: ReadonlyMap<string, number>): void => {
    for (const [id, share] of learnt) shares.set(id, trust * share + (1 - trust) * usual);
  };
  learn(videoShares(videos, audience));
  learn(soundShares(sounds, audience, videos.length > 0));
  const lowest = lowestOf(videos, shares);
  if (lowest) shares.set(lowest, Math.max(...videos.map(({ id }) => shares.get(id) ?? 0)));
  return shares;
}

interface Rung {
  readonly id: string;
  readonly step: number;
  readonly codec: string;
}

const rungOf = (rendition: Rendition): Rung => {
  const { step, of } = parseRenditionClass(renditionClass(rendition) ?? 'v0-und');
  return { id: rendition.id, step, codec: of };
};

function videoShares(videos: readonly Rendition[], { mix }: Audience): ReadonlyMap<string, number> {
  const rungs = videos.map(rungOf);
  const shares = new Map<string, number>();
  let sum = 0;
  for (const [name, mass] of Object.entries(mix)) {
    const { isVideo, step, of } = parseRenditionClass(name);
    if (!isVideo || rungs.length === 0) continue;
    const same = rungs.filter(({ codec }) => codec === of);
    const able = same.length > 0 ? same : rungs;
    const below = able.filter((rung) => rung.step <= step);
    const target =
      below.length > 0 ? Math.max(...below.map((rung) => rung.step)) : Math.min(...able.map((rung) => rung.step));
    const taken = able.filter((rung) => rung.step === target);
    for (const { id } of taken) shares.set(id, (shares.get(id) ?? 0) + mass / taken.length);
    sum += mass;
  }
  return sum > 0 ? new Map(rungs.map(({ id }) => [id, (shares.get(id) ?? 0) / sum])) : new Map();
}

function soundShares(
  sounds: readonly Rendition[],
  { mix }: Audience,
  besideVideo: boolean,
): ReadonlyMap<string, number> {
  const heard = Object.entries(mix).reduce((sum, [name, mass]) => sum + (name.startsWith('a') ? mass : 0), 0);
  if (heard === 0 || sounds.length === 0) return new Map();
  // A title whose sound lies within its video has none to count, so that less than every play may have one.
  const plays = besideVideo ? Math.min(1, heard) : 1;
  const classes = sounds.map((sound) => renditionClass(sound) ?? '');
  const weights = classes.map((name) => (mix[name] ?? 0) / classes.filter((other) => other === name).length);
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return new Map(sounds.map(({ id }, at) => [id, plays * (sum > 0 ? (weights[at] ?? 0) / sum : 1 / sounds.length)]));
}

/** Of the codec that most plays use; `videos` by bandwidth. */
function lowestOf(videos: readonly Rendition[], shares: ReadonlyMap<string, number>): string | undefined {
  const plays = new Map<string, number>();
  for (const video of videos) {
    const { codec } = rungOf(video);
    plays.set(codec, (plays.get(codec) ?? 0) + (shares.get(video.id) ?? 0));
  }
  const [most] = [...plays].sort((a, b) => b[1] - a[1]);
  return videos.find((video) => rungOf(video).codec === most?.[0])?.id;
}
