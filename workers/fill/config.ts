import type { SettingName } from '../../shared/platform/settings.ts';

/** What the fill worker reads besides store, Redis and the settings of every process. */
export const fillSettings = ['fleetSecret', 'fillConcurrency'] as const satisfies readonly SettingName[];

/** Fills of different regions that one worker leads at once; others may bring the bytes. */
export const parallelFills = 16;

/** Batches that one worker carries out at once; most of them wait for their region's rate. */
export const parallelBatches = 256;

export const parallelDeletions = 2;

/** Pause between two rounds that look for what is left of deleted assets. */
export const sweepEveryMs = 3_600_000;
