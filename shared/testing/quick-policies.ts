import { jobMap } from '../jobs/map.ts';

/** The product's policies with locks and pauses that a test can wait for. Three attempts for a transcode. */
export const quickPolicies: typeof jobMap = {
  'transcode-asset': { ...jobMap['transcode-asset'], backoffMs: 20, lockMs: 2_000 },
  'encode-chunk': { ...jobMap['encode-chunk'], backoffMs: 20, lockMs: 2_000 },
  'retext-asset': { ...jobMap['retext-asset'], backoffMs: 20, lockMs: 2_000 },
  'plan-region': { ...jobMap['plan-region'], backoffMs: 20, lockMs: 2_000 },
  'explain-asset': { ...jobMap['explain-asset'], lockMs: 2_000 },
  'verify-report': { ...jobMap['verify-report'], lockMs: 2_000 },
  // Locks are renewed after half of their time: a process that a busy machine stops for so long loses them.
  'fill-region': { ...jobMap['fill-region'], backoffMs: 20, lockMs: 6_000 },
  'fill-batch': { ...jobMap['fill-batch'], backoffMs: 20, lockMs: 6_000 },
  'score-region': { ...jobMap['score-region'], backoffMs: 20, lockMs: 2_000 },
  'delete-asset': { ...jobMap['delete-asset'], backoffMs: 20, lockMs: 2_000, keepEndedS: 1 },
  'deliver-webhook': { ...jobMap['deliver-webhook'], backoffMs: 20, lockMs: 2_000 },
};
