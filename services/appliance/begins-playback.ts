import type { ManifestFile } from '../../shared/domain/manifest.ts';
import type { Version } from './manifest-shape.ts';
import type { Telemetry } from './telemetry.ts';

/** One playback is counted once: see docs/decisions/0024. */
export function beginsPlayback(
  telemetry: Telemetry,
  session: string | null,
  file: ManifestFile,
  version: Version,
): boolean {
  if (session === null || (file.role !== 'segment' && file.role !== 'media')) return false;
  if (file.rendition === null || !version.leadRenditions.has(file.rendition)) return false;
  // A token without id cannot tell sessions apart; its beginning at the first segment must do.
  if (session === '') return file.index === 0 || file.role === 'media';
  return telemetry.isNewSession(session, version.manifest.assetId);
}
