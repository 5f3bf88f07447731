import type { Settings } from '../../shared/platform/settings.ts';
import { parseContentSecrets } from '../../shared/tokens/content-keys.ts';
import { parseSigningKeys } from '../../shared/tokens/keys.ts';
import type { ControlSettings } from './deps.ts';

/** Settings that control reads besides those of its adapters. */
export const controlSettings = [
  'fleetSecret',
  'apiKey',
  'tokenKeys',
  'contentSecret',
  'defaultRegion',
  'playbackTtlMs',
  'planLeadMs',
  'trustProxy',
] as const;

/** @throws Error when the token keys or content secrets cannot be used. */
export function readControlSettings(settings: Pick<Settings, (typeof controlSettings)[number]>): ControlSettings {
  return {
    fleetSecret: settings.fleetSecret,
    apiKey: settings.apiKey,
    signingKeys: signingKeys(settings.tokenKeys),
    contentSecrets: parseContentSecrets(settings.contentSecret),
    defaultRegion: settings.defaultRegion,
    playbackTtlMs: settings.playbackTtlMs,
    planLeadMs: settings.planLeadMs,
    trustProxy: settings.trustProxy,
  };
}

function signingKeys(text: string): ControlSettings['signingKeys'] {
  try {
    return parseSigningKeys(text);
  } catch (error) {
    throw new Error(`NIGHTFILL_TOKEN_KEYS ${(error as Error).message}`, { cause: error });
  }
}
