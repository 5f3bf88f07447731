import type { SettingName } from '../../shared/platform/settings.ts';

/** What the forecast worker reads besides store, Redis and the settings of every process. */
export const forecastSettings = ['fleetSecret', 'planLeadMs', 'historyDays'] as const satisfies readonly SettingName[];

/** Plans at once in one worker: they mostly wait for the object store and for inventories. */
export const parallelPlans = 4;

/** Pause between two rounds that hold schedules and regions together. */
export const keepSchedulesEveryMs = 60_000;

/** Pause between two looks for days that were not scored. */
export const catchUpScoresEveryMs = 10 * 60_000;

/** A schedule may come so much late, or early, around its lead and still mean the coming window. */
export const scheduleSlackMs = 3 * 3_600_000;

/** Pause between two looks for parts of plans and forecasts whose writer died, which by then was so long ago. */
export const sweepEveryMs = 24 * 3_600_000;
