import { join } from 'node:path';
import type { SettingName, Settings } from '../../shared/platform/settings.ts';
import { type ContentSecret, parseContentSecrets } from '../../shared/tokens/content-keys.ts';

/** What the transcode worker reads besides the settings of every process, of Redis and of the store. */
export const transcodeSettings = [
  'scratchDir',
  'segmentMs',
  'chunkMs',
  'earlyPlay',
  'encodeRuns',
  'transcodeConcurrency',
  'keepSource',
  'contentSecret',
  'webhookUrl',
] as const satisfies readonly SettingName[];

export interface TranscodeConfig {
  readonly scratchDir: string;
  readonly segmentS: number;
  /** Wished length of a chunk; 0: never in chunks. */
  readonly chunkS: number;
  readonly earlyPlay: boolean;
  readonly encodeRuns: number;
  readonly concurrency: number;
  readonly keepSource: boolean;
  readonly contentSecrets: readonly ContentSecret[];
  readonly webhookUrl: string;
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
    chunkS: settings.chunkMs / 1_000,
    earlyPlay: settings.earlyPlay,
    encodeRuns: settings.encodeRuns,
    concurrency: settings.transcodeConcurrency,
    keepSource: settings.keepSource,
    contentSecrets: parseContentSecrets(settings.contentSecret),
    webhookUrl: settings.webhookUrl,
    shutdownGraceMs: settings.shutdownGraceMs,
  };
}
