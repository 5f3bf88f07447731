/** The versions that viewers get now, with their manifests, as the planner needs them. */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import type { Asset } from '../../shared/domain/asset.ts';
import type { Title } from '../../shared/domain/forecasting/cold-start.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import type { PlannableVersion } from '../../shared/domain/planning/version-files.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';

const parallelReads = 8;
const pageSize = 500;

export interface Published {
  readonly versions: readonly PlannableVersion[];
  /** What the forecaster knows of them besides their demand. */
  readonly titles: readonly Title[];
  readonly mustHave: ReadonlySet<string>;
}

/**
 * An asset that is being transcoded anew still plays its former version. A version whose manifest is gone is left out:
 * it is being deleted.
 */
export async function readVersions(
  { catalogue, store }: { readonly catalogue: Catalogue; readonly store: ObjectStore },
  signal?: AbortSignal,
): Promise<Published> {
  const atOnce = pLimit(parallelReads);
  const versions: PlannableVersion[] = [];
  const titles: Title[] = [];
  const mustHave = new Set<string>();
  for await (const page of playableAssets(catalogue)) {
    const read = await atOnce.map(page, async ({ id, version }) => {
      signal?.throwIfAborted();
      return version === null ? null : readVersion(store, id, version, signal);
    });
    versions.push(...read.filter((version) => version !== null));
    titles.push(...page.map(titleOf));
    for (const asset of page) if (asset.mustHave) mustHave.add(asset.id);
  }
  return { versions, titles, mustHave };
}

const titleOf = ({ id, series, premiereDate, publishedAt }: Asset): Title => ({
  assetId: id,
  series: series ?? null,
  since: premiereDate ?? publishedAt?.slice(0, 10) ?? null,
});

export async function* playableAssets(catalogue: Catalogue): AsyncGenerator<readonly Asset[]> {
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Catalogue['list']>> = await catalogue.list({
      limit: pageSize,
      ...(after === null ? {} : { after }),
    });
    yield page.items.filter(({ version, state }) => version !== null && state !== 'deleted');
    after = page.next;
  } while (after !== null);
}

/** The manifest is read as bytes, because its own digest is nowhere written down. */
async function readVersion(
  store: ObjectStore,
  assetId: string,
  version: string,
  signal?: AbortSignal,
): Promise<PlannableVersion | null> {
  const object = await store.get(storeKeys.manifest(assetId, version), signal ? { signal } : {});
  if (!object) return null;
  const chunks: Buffer[] = [];
  for await (const chunk of object.body) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  return {
    manifest: JSON.parse(bytes.toString('utf8')) as Manifest,
    manifestFile: { sizeBytes: bytes.byteLength, sha256: createHash('sha256').update(bytes).digest('hex') },
  };
}
