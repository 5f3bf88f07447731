/**
 * Learns every few minutes from control what other regions ask for, and tells the cache: so a title that rises there is
 * forecast here before anybody asks for it.
 *
 * Control tells bytes by asset, and how viewers of this region watch: how far they get into titles, which renditions they choose.
 * The bytes are spread over the version's files by that, as the nightly plan does; evenly while nothing is known of it. Only where top-ups are allowed, and for assets that this appliance
 * would hold; a manifest that is not here is pulled, so few are new at a time.
 */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { positionBins } from '../../shared/domain/demand.ts';
import { isId } from '../../shared/domain/keys.ts';
import { slicesOf } from '../../shared/domain/manifest.ts';
import type { Audience } from '../../shared/domain/planning/audience.ts';
import { makeValuer } from '../../shared/domain/planning/file-values.ts';
import type { Logger } from '../../shared/platform/logger.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { SegmentCache } from '../../shared/ports/segment-cache.ts';
import type { ControlClient } from './control-client.ts';
import type { Version } from './manifest-shape.ts';
import type { Tombstones } from './tombstones.ts';
import type { TopUps } from './top-up.ts';
import type { Versions } from './versions.ts';

const curve = Type.Array(Type.Number({ minimum: 0 }), { minItems: positionBins, maxItems: positionBins });
const shape = Type.Object({
  audience: Type.Optional(
    Type.Object({
      days: Type.Number(),
      hours: Type.Number({ minimum: 0 }),
      curve,
      mix: Type.Record(Type.String(), Type.Number({ minimum: 0 })),
      assets: Type.Array(Type.Object({ assetId: Type.String(), hours: Type.Number({ minimum: 0 }), curve })),
    }),
  ),
  untilMs: Type.Number(),
  assets: Type.Array(Type.Object({ assetId: Type.String(), version: Type.String(), bytes: Type.Number() }), {
    maxItems: 5_000,
  }),
});

export interface DemandElsewhereDeps {
  readonly control: Pick<ControlClient, 'demandElsewhere'>;
  readonly topUps: Pick<TopUps, 'owns' | 'isAllowed'>;
  readonly cache: SegmentCache;
  readonly versions: Versions;
  readonly tombstones: Pick<Tombstones, 'has'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly intervalMs?: number;
}

const defaultIntervalMs = 60_000;
/** Manifests that are pulled in one round. */
const mostUnknown = 20;
/** Slices that are told in one round, those of the most wanted assets first. */
const mostSlices = 20_000;
/** Of a slice that was asked for less often nothing can be learnt. */
const leastRequests = 0.02;

export interface DemandElsewhereReader {
  /** One round; never throws. */
  learn(): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

export function makeDemandElsewhere(deps: DemandElsewhereDeps): DemandElsewhereReader {
  const { control, topUps, cache, versions, tombstones, clock, logger, intervalMs = defaultIntervalMs } = deps;
  let afterMs = 0;

  async function learn(): Promise<void> {
    if (!topUps.isAllowed) return;
    try {
      const answer = await control.demandElsewhere(afterMs);
      if (!Value.Check(shape, answer)) throw new Error('control answered with demand that cannot be read');
      afterMs = answer.untilMs;
      let unknown = 0;
      let told = 0;
      for (const { assetId, version: name, bytes } of answer.assets) {
        const id = { assetId, version: name };
        if (told >= mostSlices) break;
        if (!isId(assetId) || !isId(name) || tombstones.has(id) || !topUps.owns(assetId)) continue;
        const held = await versions.held(id);
        if (!held && unknown >= mostUnknown) continue;
        if (!held) unknown += 1;
        const version = held ?? (await versions.load(id, undefined).catch(() => null));
        const requests = version && version.manifest.sizeBytes > 0 ? bytes / version.manifest.sizeBytes : 0;
        if (!version || requests < leastRequests) continue;
        const factorOf = factorsOf(version, answer.audience ?? null);
        for (const file of version.manifest.files) {
          const asked = requests * factorOf(file.path);
          if (asked < leastRequests) continue;
          for (const slice of slicesOf(file)) {
            if (told >= mostSlices) break;
            told += 1;
            cache.demand.seenElsewhere(`${assetId}/${name}/${file.path}`, slice, asked);
          }
        }
      }
    } catch (error) {
      logger.debug({ err: error }, 'what other regions ask for cannot be read now');
    }
  }

  return {
    learn,
    async run(signal) {
      while (!signal.aborted) {
        await learn();
        await clock.sleep(intervalMs, signal).catch(() => {});
      }
    },
  };
}

/** How much more often than the version's mean byte a file's bytes are asked for. */
function factorsOf({ manifest, bytes, sha256 }: Version, audience: Audience | null): (path: string) => number {
  if (!audience) return () => 1;
  const { paths, factors } = makeValuer(audience)({ manifest, manifestFile: { sizeBytes: bytes.length, sha256 } });
  const places = new Map(paths.map((path, at) => [path, at]));
  return (path) => factors[places.get(path) ?? -1] ?? 1;
}
