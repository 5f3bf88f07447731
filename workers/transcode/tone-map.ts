/** HDR to the SDR that every screen shows: pure. */
import type { SourceVideo } from '../../shared/domain/asset.ts';

/** White of paper and of captions (BT.2408 §2): the level that becomes an SDR picture's white, but for what is brighter. */
const referenceWhiteNits = 203;
/** What HLG is made for (BT.2100). */
const hlgPeakNits = 1_000;
/** Of PQ that does not say how bright it gets: the brightest that masters are made on. */
const unknownPeakNits = 4_000;
const lowestPeakNits = 400;
const highestPeakNits = 10_000;
/** Up to here, of SDR's white in linear light, a picture stays exactly as it is. */
const kneeShare = 0.55;

/** The brightest that is kept apart from white. */
export function peakNitsOf({ transfer, hdr10 }: Pick<SourceVideo, 'transfer' | 'hdr10'>): number {
  if (transfer === 'hlg') return hlgPeakNits;
  const told = hdr10?.light?.maxContentNits ?? hdr10?.mastering?.maxNits ?? unknownPeakNits;
  return Math.min(highestPeakNits, Math.max(lowestPeakNits, told));
}

/**
 * Filters from BT.2100 to BT.709. Shadows and skin keep their light, reference white becomes 90% of the signal, and what
 * is above rolls off to the peak without an edge. The largest component is mapped and the others with it, so hues
 * stay. The peak is given rather than left to the filter, which would take it from each frame's own metadata, or guess;
 * ordered dither hides the steps of 8 bits from the ramp of a sky, the same way in each run.
 */
export const toneMap = (source: Pick<SourceVideo, 'transfer' | 'hdr10'>): string => {
  const peak = (peakNitsOf(source) / referenceWhiteNits).toFixed(3);
  return [
    `zscale=t=linear:npl=${referenceWhiteNits}`,
    'format=gbrpf32le',
    'zscale=p=bt709',
    `tonemap=tonemap=mobius:param=${kneeShare}:desat=0:peak=${peak}`,
    'zscale=t=bt709:m=bt709:r=tv:dither=ordered',
  ].join(',');
};
