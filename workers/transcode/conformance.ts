import { readStream } from '../../shared/conformance/read-stream.ts';
import { contentSource } from '../../shared/conformance/source.ts';
import { checkConformance, type Report } from '../../shared/domain/conformance/check.ts';
import { partsOf } from './digest.ts';
import { NotConformantError } from './failure.ts';
import type { PackagedAsset } from './package.ts';

/** Judges what is about to be published by the rules of `nightfill lint`, reading the very bytes that go out. */
export async function checkPackaged({ files, playlists }: PackagedAsset, signal: AbortSignal): Promise<Report> {
  const contents = new Map(files.map(({ facts, content }) => [facts.path, partsOf(content)]));
  return checkConformance(await readStream(contentSource(playlists.hls, contents), { signal }));
}

/** @throws NotConformantError with the first broken rule of level `error`. */
export async function refuseNotConformant(packaged: PackagedAsset, signal: AbortSignal): Promise<void> {
  refuseFindings(await checkPackaged(packaged, signal));
}

/** @throws NotConformantError */
export function refuseFindings({ findings, counts }: Report): void {
  const [worst] = findings;
  if (worst?.severity !== 'error') return;
  const { rule, requirement, sources, at, measured, expected } = worst;
  const more = counts.error > 1 ? ` (and ${counts.error - 1} more)` : '';
  throw new NotConformantError(
    `${rule} (${sources.join(', ')}): ${requirement} ${at}: ${measured}, expected ${expected}${more}`,
  );
}
