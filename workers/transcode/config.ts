import { join } from 'node:path';
import type { SettingName, Settings } from '../../shared/platform/settings.ts';

/** What the transcode worker reads besides the settings of every process. */
export const transcodeSettings = [
  'redisUrl',
  'redisPassword',
  'storeUrl',
  's3Region',
  's3AccessKeyId',
  's3SecretAccessKey',
  's3PathStyle',
  'scratchDir',
  'segmentMs',
  'encodeThreads',
  'transcodeConcurrency',
  'keepSource',
] as const satisfies readonly SettingName[];

export interface TranscodeConfig {
  readonly scratchDir: string;
  readonly segmentS: number;
  readonly threads: number;
  readonly concurrency: number;
  readonly keepSource: boolean;
  readonly shutdownGraceMs: number;
}

const minSegmentMs = 1_000;
const maxSegmentMs = 30_000;

/** @throws Error for a segment duration that players do not cope with. */
export function transcodeConfig(
  settings: Pick<Settings, (typeof transcodeSettings)[number] | 'shutdownGraceMs'>,
): TranscodeConfig {
  const { segmentMs } = settings;
  if (segmentMs < minSegmentMs || segmentMs > maxSegmentMs)
    throw new Error(`NIGHTFILL_SEGMENT must be from ${minSegmentMs} to ${maxSegmentMs} ms`);
  return {
    scratchDir: join(settings.scratchDir, 'transcode'),
    segmentS: segmentMs / 1_000,
    threads: settings.encodeThreads,
    concurrency: settings.transcodeConcurrency,
    keepSource: settings.keepSource,
    shutdownGraceMs: settings.shutdownGraceMs,
  };
}
