/** What viewers get now: all titles as the catalogue tells them, and the manifests of those that a plan asks for. */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import type { Asset } from '../../shared/domain/asset.ts';
import type { Title } from '../../shared/domain/forecasting/cold-start.ts';
import { storeKeys } from '../../shared/domain/keys.ts';
import type { Manifest } from '../../shared/domain/manifest.ts';
import type { ValuedVersion } from '../../shared/domain/planning/file-values.ts';
import type { TitleOutline } from '../../shared/domain/planning/shortlist.ts';
import type { PlannableVersion } from '../../shared/domain/planning/version-files.ts';
import type { Catalogue } from '../../shared/ports/catalogue.ts';
import type { ObjectStore } from '../../shared/ports/object-store.ts';

const parallelReads = 8;
const pageSize = 500;

/** A published title. */
export interface PublishedTitle extends TitleOutline {
  /** The one that plays: an asset that is being transcoded anew still plays its former version. */
  readonly version: string;
}

export interface Published {
  readonly titles: readonly PublishedTitle[];
  /** What the forecaster knows of them besides their demand. */
  readonly known: readonly Title[];
  readonly mustHave: ReadonlySet<string>;
}

export async function readTitles(catalogue: Catalogue, signal?: AbortSignal): Promise<Published> {
  const titles: PublishedTitle[] = [];
  const known: Title[] = [];
  const mustHave = new Set<string>();
  for await (const page of playableAssets(catalogue)) {
    signal?.throwIfAborted();
    for (const asset of page) {
      if (asset.version === null) continue;
      titles.push({ assetId: asset.id, version: asset.version, sizeBytes: asset.sizeBytes });
      known.push(titleOf(asset));
      if (asset.mustHave) mustHave.add(asset.id);
    }
  }
  return { titles, known, mustHave };
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

/**
 * Valued as they come, so that few manifests are in memory at once. A version whose manifest is gone is left out: it is being
 * deleted.
 */
export async function readVersions(
  store: ObjectStore,
  titles: readonly PublishedTitle[],
  valued: (version: PlannableVersion) => ValuedVersion,
  signal?: AbortSignal,
): Promise<ValuedVersion[]> {
  const read = await pLimit(parallelReads).map(titles, async ({ assetId, version }) => {
    signal?.throwIfAborted();
    const read = await readVersion(store, assetId, version, signal);
    return read && valued(read);
  });
  return read.filter((version) => version !== null);
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
