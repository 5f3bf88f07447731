import { join } from 'node:path';
import type { SettingName, Settings } from '../../shared/platform/settings.ts';

/** What ingest reads besides the settings of every process and of the adapters. */
export const ingestSettings = [
  'apiKey',
  'maxUploadBytes',
  'uploadExpiryMs',
  'maxDurationMs',
  'maxOpenUploads',
  'uploadQuotaBytes',
  'deleteDelayMs',
  'importNetworks',
  'importTimeoutMs',
  'webhookUrl',
  'webhookSecret',
  'scratchDir',
  'trustProxy',
] as const satisfies readonly SettingName[];

/** What the routes and use cases depend on. */
export interface IngestConfig {
  readonly apiKey: string;
  readonly maxUploadBytes: number;
  readonly uploadExpiryMs: number;
  readonly maxDurationMs: number;
  readonly maxOpenUploads: number;
  readonly uploadQuotaBytes: number;
  readonly deleteDelayMs: number;
  /** CIDR. */
  readonly importNetworks: readonly string[];
  readonly importTimeoutMs: number;
  /** Empty: none. */
  readonly webhookUrl: string;
  readonly webhookSecret: string;
  /** Ingest's own part of the scratch folder; the transcode worker has another. */
  readonly scratchDir: string;
  readonly shutdownGraceMs: number;
  readonly trustProxy: readonly string[];
}

export function ingestConfig(
  settings: Pick<Settings, (typeof ingestSettings)[number] | 'shutdownGraceMs'>,
): IngestConfig {
  if (settings.webhookUrl !== '' && settings.webhookSecret === '')
    throw new Error('NIGHTFILL_WEBHOOK_SECRET must be set where NIGHTFILL_WEBHOOK_URL is');
  return {
    apiKey: settings.apiKey,
    maxUploadBytes: settings.maxUploadBytes,
    uploadExpiryMs: settings.uploadExpiryMs,
    maxDurationMs: settings.maxDurationMs,
    maxOpenUploads: settings.maxOpenUploads,
    uploadQuotaBytes: settings.uploadQuotaBytes,
    deleteDelayMs: settings.deleteDelayMs,
    importNetworks: settings.importNetworks,
    importTimeoutMs: settings.importTimeoutMs,
    webhookUrl: settings.webhookUrl,
    webhookSecret: settings.webhookSecret,
    scratchDir: join(settings.scratchDir, 'ingest'),
    shutdownGraceMs: settings.shutdownGraceMs,
    trustProxy: settings.trustProxy,
  };
}
