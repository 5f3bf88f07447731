import { join } from 'node:path';
import type { SettingName, Settings } from '../../shared/platform/settings.ts';

/** What ingest reads besides the settings of every process and of the adapters. */
export const ingestSettings = [
  'apiKey',
  'maxUploadBytes',
  'uploadExpiryMs',
  'scratchDir',
  'trustProxy',
] as const satisfies readonly SettingName[];

/** What the routes and use cases depend on. */
export interface IngestConfig {
  readonly apiKey: string;
  readonly maxUploadBytes: number;
  readonly uploadExpiryMs: number;
  /** Ingest's own part of the scratch folder; the transcode worker has another. */
  readonly scratchDir: string;
  readonly shutdownGraceMs: number;
  readonly trustProxy: readonly string[];
}

export function ingestConfig(
  settings: Pick<Settings, (typeof ingestSettings)[number] | 'shutdownGraceMs'>,
): IngestConfig {
  return {
    apiKey: settings.apiKey,
    maxUploadBytes: settings.maxUploadBytes,
    uploadExpiryMs: settings.uploadExpiryMs,
    scratchDir: join(settings.scratchDir, 'ingest'),
    shutdownGraceMs: settings.shutdownGraceMs,
    trustProxy: settings.trustProxy
      .split(',')
      .map((network) => network.trim())
      .filter((network) => network !== ''),
  };
}
