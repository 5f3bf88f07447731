/** Measured bit rates as RFC 8216 §4.1 and §4.3.4.2 mean them. */

export interface TimedBytes {
  readonly durationS: number;
  readonly sizeBytes: number;
}

export interface Bandwidth {
  readonly peakBps: number;
  readonly averageBps: number;
}

/**
 * The peak is the largest over any contiguous set of segments that lasts between 0.5 and 1.5 times the target duration,
 * so that a short last segment cannot inflate it. Where no set does, it is the average.
 */
export function measureBandwidth(segments: readonly TimedBytes[], targetS: number): Bandwidth {
  let peakBps = 0;
  for (let first = 0; first < segments.length; first++) {
    let [lastsS, bytes] = [0, 0];
    for (const { durationS, sizeBytes } of segments.slice(first)) {
      lastsS += durationS;
      bytes += sizeBytes;
      if (lastsS > targetS * 1.5) break;
      if (lastsS >= targetS * 0.5 && lastsS > 0) peakBps = Math.max(peakBps, (bytes * 8) / lastsS);
    }
  }
  const totalS = segments.reduce((sum, { durationS }) => sum + durationS, 0);
  const averageBps = totalS > 0 ? (segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) * 8) / totalS : 0;
  return { peakBps: Math.max(peakBps, averageBps), averageBps };
}
