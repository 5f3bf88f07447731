/**
 * How far into titles viewers get and which renditions they choose, as media time that was sent: on the way to telemetry.
 * A handful of additions for each answer; what grows with titles is bounded when it is taken.
 */
import { positionBins, type WatchedDay } from '../../shared/domain/demand.ts';
import type { ManifestFile, Rendition } from '../../shared/domain/manifest.ts';
import { renditionClass } from '../../shared/domain/rendition-class.ts';
import type { Version } from './manifest-shape.ts';

/** Where the bytes of a file lie in its title's time. */
export interface PlayPlace {
  readonly isLead: boolean;
  readonly renditionClass: string;
  /** In parts of the title, as `positionBins` counts them. */
  readonly fromBin: number;
  readonly binsPerByte: number;
  readonly msPerByte: number;
}

export interface Watched {
  /** So many bytes of a file, from an offset in it, were sent to a viewer. */
  played(assetId: string, place: PlayPlace, offset: number, bytes: number): void;
  /** What was counted since the last time, by UTC day. */
  take(): WatchedDay[];
}

const dayMs = 86_400_000;
/** Titles told one by one in one batch: those that were watched most. */
const mostAssets = 200;

interface Day {
  readonly number: number;
  readonly bins: Float64Array;
  readonly mix: Map<string, number>;
  readonly assets: Map<string, Float64Array>;
}

const openDay = (number: number): Day => ({
  number,
  bins: new Float64Array(positionBins),
  mix: new Map(),
  assets: new Map(),
});

export function makeWatched(clock: { now(): number }): Watched {
  let day = openDay(0);
  let over: Day[] = [];

  return {
    played(assetId, { isLead, renditionClass: name, fromBin, binsPerByte, msPerByte }, offset, bytes) {
      const number = Math.floor(clock.now() / dayMs);
      if (number !== day.number) {
        if (day.mix.size > 0) over.push(day);
        day = openDay(number);
      }
      day.mix.set(name, (day.mix.get(name) ?? 0) + bytes * msPerByte);
      if (!isLead || bytes === 0) return;
      let bins = day.assets.get(assetId);
      if (!bins) {
        bins = new Float64Array(positionBins);
        day.assets.set(assetId, bins);
      }
      const from = fromBin + offset * binsPerByte;
      const to = from + bytes * binsPerByte;
      const msPerBin = msPerByte / binsPerByte;
      for (let at = from; at < to; ) {
        const bin = Math.min(positionBins - 1, Math.floor(at));
        const until = bin === positionBins - 1 ? to : Math.min(to, bin + 1);
        const ms = (until - at) * msPerBin;
        bins[bin] = (bins[bin] ?? 0) + ms;
        day.bins[bin] = (day.bins[bin] ?? 0) + ms;
        at = until;
      }
    },

    take() {
      const taken = day.mix.size > 0 ? [...over, day] : over;
      over = [];
      day = openDay(day.number);
      return taken.map(asRow);
    },
  };
}

function asRow({ number, bins, mix, assets }: Day): WatchedDay {
  const sum = (of: Float64Array): number => of.reduce((all, ms) => all + ms, 0);
  const whole = (of: Float64Array): number[] => Array.from(of, Math.round);
  return {
    day: new Date(number * dayMs).toISOString().slice(0, 10),
    binsMs: whole(bins),
    mixMs: Object.fromEntries([...mix].map(([name, ms]) => [name, Math.round(ms)])),
    assets: [...assets]
      .map(([assetId, of]) => ({ assetId, of, ms: sum(of) }))
      .sort((a, b) => b.ms - a.ms)
      .slice(0, mostAssets)
      .map(({ assetId, of }) => ({ assetId, binsMs: whole(of) })),
  };
}

const places = new WeakMap<ManifestFile, PlayPlace | null>();

/** Null for what is not video or sound, and where the manifest does not say when it is played. */
export function playPlaceOf(file: ManifestFile, version: Version): PlayPlace | null {
  const known = places.get(file);
  if (known !== undefined) return known;
  const place = findPlace(file, version);
  places.set(file, place);
  return place;
}

function findPlace(file: ManifestFile, { manifest, leadRenditions }: Version): PlayPlace | null {
  const { role, sizeBytes, rendition, startS, durationS } = file;
  if ((role !== 'segment' && role !== 'media') || sizeBytes === 0) return null;
  const of = manifest.renditions.find(({ id }) => id === rendition);
  const name = of && isTold(of) ? renditionClass(of) : null;
  const lengthS = role === 'media' ? manifest.durationS : durationS;
  const beginS = role === 'media' ? 0 : startS;
  if (!name || !isPositive(manifest.durationS) || !isPositive(lengthS) || typeof beginS !== 'number') return null;
  return {
    isLead: rendition !== null && leadRenditions.has(rendition),
    renditionClass: name,
    fromBin: (beginS / manifest.durationS) * positionBins,
    binsPerByte: ((lengthS / manifest.durationS) * positionBins) / sizeBytes,
    msPerByte: (lengthS * 1_000) / sizeBytes,
  };
}

/** An appliance reads no more of a manifest than it needs to answer: what is only counted may be missing. */
const isTold = ({ codecs }: Partial<Rendition>): boolean => typeof codecs === 'string';
const isPositive = (value: unknown): value is number => typeof value === 'number' && value > 0;
