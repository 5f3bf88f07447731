import type { Settings } from '../../shared/platform/settings.ts';

/** Settings that the console reads. */
export const consoleSettings = [
  'apiKey',
  'controlUrl',
  'ingestUrl',
  'publicUrl',
  'openWatchPage',
  'trustProxy',
  'metricsFrom',
] as const;

export interface ConsoleSettings {
  readonly apiKey: string;
  readonly controlUrl: string;
  readonly ingestUrl: string;
  /** Empty: as the request says. */
  readonly publicUrl: string;
  readonly openPages: boolean;
  readonly trustProxy: readonly string[];
  readonly metricsFrom: readonly string[];
}

export const readConsoleSettings = (settings: Pick<Settings, (typeof consoleSettings)[number]>): ConsoleSettings => ({
  apiKey: settings.apiKey,
  controlUrl: settings.controlUrl,
  ingestUrl: settings.ingestUrl,
  publicUrl: settings.publicUrl,
  openPages: settings.openWatchPage,
  trustProxy: settings.trustProxy,
  metricsFrom: settings.metricsFrom,
});
