/**
 * What each file of a title is worth: how many bytes are expected to be served from a copy of it, per byte of it.
 *
 * A title's expected bytes are divided over its files by size × share of plays that use the rendition × share of plays that get
 * to the place. Files that any play needs (`base`) are worth as much as the title's most valuable media. No byte is believed to
 * be worth more than `peakRatio` times the title's mean, so that a title can be judged without its manifest.
 */
import { positionBins } from '../demand.ts';
import type { Audience, WatchedCurve } from './audience.ts';
import { renditionShares } from './rendition-shares.ts';
import {
  type OrderedFiles,
  orderedFiles,
  type PlannableFile,
  type PlannableVersion,
  spansOf,
} from './version-files.ts';

/**
 * A version as a plan keeps it: its files in columns, in the order in which they are worth pushing. As objects, the millions of
 * files that a plan looks at take several times as much memory.
 */
export interface ValuedVersion {
  readonly assetId: string;
  readonly version: string;
  /** The first of the files are base files. */
  readonly baseCount: number;
  /** Of all files. */
  readonly sizeBytes: number;
  readonly paths: readonly string[];
  readonly renditions: readonly (string | null)[];
  readonly sizes: Float64Array;
  /** SHA-256 digests in hex, one after the other. */
  readonly digests: string;
  /** Worth of a byte of each file, relative to the title's mean: size-weighted, they average to 1. */
  readonly factors: Float64Array;
}

const digestLength = 64;
export const digestAt = ({ digests }: Pick<ValuedVersion, 'digests'>, at: number): string =>
  digests.slice(at * digestLength, (at + 1) * digestLength);

/** The best video's byte against the mean one: with usual ladders it is less. Sound is cut off at it, and is first all the same. */
const mostByMix = 1.5;

const flatCurve: readonly number[] = Array.from({ length: positionBins }, () => 1);

export const curveFor = (assetId: string, audience: Audience | null): WatchedCurve =>
  curvesOf(audience).get(assetId) ?? audience ?? { hours: 0, curve: flatCurve };

/** How much more than the mean byte of the title its best one may be worth: 1 where every byte is worth the same. */
export const peakRatio = (assetId: string, audience: Audience | null): number =>
  audience ? Math.max(1, ...curveFor(assetId, audience).curve) * mostByMix : 1;

/** Values versions one by one, so that a manifest can be let go of once its files are in columns. */
export function makeValuer(audience: Audience | null): (version: PlannableVersion) => ValuedVersion {
  // Titles are packaged alike: most of their paths are the same.
  const texts = new Map<string, string>();
  const shared = (text: string): string => {
    const known = texts.get(text);
    if (known === undefined) texts.set(text, text);
    return known ?? text;
  };
  return (version) => {
    const { files, baseCount } = orderedFiles(version);
    const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    return {
      assetId: version.manifest.assetId,
      version: version.manifest.version,
      baseCount,
      sizeBytes,
      paths: files.map(({ path }) => shared(path)),
      renditions: files.map(({ rendition }) => (rendition === null ? null : shared(rendition))),
      sizes: Float64Array.from(files, (file) => file.sizeBytes),
      digests: files.map(({ sha256 }) => sha256).join(''),
      factors: factorsOf(version, { files, baseCount, sizeBytes }, audience),
    };
  };
}

function factorsOf(
  { manifest }: PlannableVersion,
  { files, baseCount, sizeBytes }: OrderedFiles & { readonly sizeBytes: number },
  audience: Audience | null,
): Float64Array {
  const { assetId, renditions } = manifest;
  const factors = new Float64Array(files.length).fill(1);
  if (!audience) return factors;
  const shares = renditionShares(renditions, audience);
  const reach = reachOf(curveFor(assetId, audience).curve);
  const spanOf = spansOf(manifest);
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (const [at, file] of files.entries()) {
    if (at < baseCount || file.role === 'preview') continue;
    const { from, to } = spanOf(file);
    const factor = (shares.get(file.rendition ?? '') ?? 1) * reach(from, to);
    factors[at] = factor;
    best = Math.max(best, factor);
    least = Math.min(least, factor);
  }
  if (best === 0) return factors;
  for (const [at, file] of files.entries()) {
    if (at < baseCount) factors[at] = best;
    else if (file.role === 'preview') factors[at] = least;
  }
  normalise(factors, files, sizeBytes, peakRatio(assetId, audience));
  return factors;
}

/** Scales to a mean of 1, with no factor above `most`: what is cut off goes to the others in proportion. */
function normalise(factors: Float64Array, files: readonly PlannableFile[], sizeBytes: number, most: number): void {
  let [cutBytes, below] = [0, 0];
  for (const [at, file] of files.entries()) below += file.sizeBytes * (factors[at] ?? 0);
  const isCut = new Uint8Array(factors.length);
  for (let more = true; more; ) {
    more = false;
    const rest = sizeBytes - cutBytes * most;
    const restBytes = sizeBytes - cutBytes;
    const scale = below > 0 ? rest / below : 0;
    [cutBytes, below] = [0, 0];
    for (const [at, { sizeBytes: bytes }] of files.entries()) {
      if (!isCut[at]) factors[at] = scale > 0 ? (factors[at] ?? 0) * scale : restBytes > 0 ? rest / restBytes : 1;
      if (!isCut[at] && (factors[at] ?? 0) > most) {
        isCut[at] = 1;
        factors[at] = most;
        more = true;
      }
      if (isCut[at]) cutBytes += bytes;
      else below += bytes * (factors[at] ?? 0);
    }
  }
}

/** Mean of the curve between two places of the title. */
function reachOf(curve: readonly number[]): (from: number, to: number) => number {
  const sums = new Float64Array(positionBins + 1);
  for (let bin = 0; bin < positionBins; bin += 1) sums[bin + 1] = (sums[bin] ?? 0) + (curve[bin] ?? 1);
  const upTo = (place: number): number => {
    const at = Math.max(0, Math.min(positionBins, place * positionBins));
    const bin = Math.min(positionBins - 1, Math.floor(at));
    return (sums[bin] ?? 0) + (curve[bin] ?? 1) * (at - bin);
  };
  // Rounded, so that equal places stay equal and make one block.
  return (from, to) =>
    to > from ? Math.round(((upTo(to) - upTo(from)) / ((to - from) * positionBins)) * 1e6) / 1e6 : 1;
}

const known = new WeakMap<Audience, ReadonlyMap<string, WatchedCurve>>();

function curvesOf(audience: Audience | null): ReadonlyMap<string, WatchedCurve> {
  if (!audience) return new Map();
  const curves = known.get(audience) ?? new Map(audience.assets.map((asset) => [asset.assetId, asset]));
  known.set(audience, curves);
  return curves;
}
