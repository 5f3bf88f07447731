/**
 * The use case of job `retext-asset`: the text of a published asset was changed, so it becomes a version of the same media
 * with other text. Nothing is encoded.
 *
 * Media are copied within the store under the new version's id, which source, recipe and text decide; what an earlier
 * attempt copied stays, since a put is whole or not there and the id says what it holds. The manifest comes last, then the
 * catalogue names the version. The version before it stays as it is for who plays it.
 *
 * A job that finds the text changed once more leaves the asset to the job of that change.
 */

import { text as textOf } from 'node:stream/consumers';
import pLimit from 'p-limit';
import { readStream } from '../../../shared/conformance/read-stream.ts';
import { localSource } from '../../../shared/conformance/source.ts';
import type { Asset } from '../../../shared/domain/asset.ts';
import { checkConformance } from '../../../shared/domain/conformance/check.ts';
import { storeKeys } from '../../../shared/domain/keys.ts';
import type { Manifest, ManifestFile } from '../../../shared/domain/manifest.ts';
import type { Announce } from '../../../shared/platform/announce.ts';
import type { Catalogue } from '../../../shared/ports/catalogue.ts';
import type { Clock } from '../../../shared/ports/clock.ts';
import type { Documents } from '../../../shared/ports/documents.ts';
import { type JobContext, type JobHandler, UnrecoverableJobError } from '../../../shared/ports/job-queue.ts';
import type { ObjectStore } from '../../../shared/ports/object-store.ts';
import { refuseFindings } from '../conformance.ts';
import { failureOf, isPermanent } from '../failure.ts';
import { uploadFiles } from '../publish.ts';
import { withTexts } from '../recipe.ts';
import { makeText } from './add-text.ts';
import { readFrom } from './read-from.ts';
import { textFacts, textsOfVersion } from './version-texts.ts';

export interface RetextDependencies {
  readonly store: ObjectStore;
  readonly catalogue: Pick<Catalogue, 'get' | 'update'>;
  readonly documents: Pick<Documents, 'getManifest' | 'putManifest'>;
  readonly clock: Clock;
  readonly announce: Announce;
  readonly onFailure: (assetId: string, error: unknown, final: boolean) => void;
}

const copiesAtOnce = 4;
/** The media were checked when they were published; text is looked at whole by its own rules. */
const segmentsChecked = 8;

type Job = JobContext<'retext-asset'>;

export function makeRetextAsset(dependencies: RetextDependencies): JobHandler<'retext-asset'> {
  const { store, catalogue, documents, clock, announce, onFailure } = dependencies;
  const nowIso = (): string => new Date(clock.now()).toISOString();

  return async (job) => {
    const { assetId } = job.payload;
    const asset = await catalogue.get(assetId);
    if (!asset || asset.state === 'deleted') throw new UnrecoverableJobError(`asset ${assetId} was deleted`);
    // The transcode that is to come takes the text along.
    if (asset.state !== 'published' || asset.version === null) return { version: null };
    const present = await documents.getManifest(assetId, asset.version);
    if (!present) throw new UnrecoverableJobError(`version ${asset.version} of ${assetId} has no manifest`);
    const base = present.base ?? present.version;
    const version = withTexts(base, asset.textTracks);
    if (version === present.version) return { version };
    try {
      const manifest =
        (await documents.getManifest(assetId, version)) ?? (await make(asset, present, version, base, job.signal));
      await publish(manifest, present.version, base);
      return { version };
    } catch (error) {
      throw await settle(asset, version, error, job);
    }
  };

  async function make(asset: Asset, present: Manifest, version: string, base: string, signal: AbortSignal) {
    const place = { assetId: asset.id, version };
    const { shown, ofSource } = await textsOfVersion(store, asset, present);
    const media = present.renditions.filter(({ kind }) => kind !== 'text');
    const dropped = new Set(present.renditions.filter(({ kind }) => kind === 'text').map(({ id }) => id));
    const { hls, dash } = present.playlists;
    const kept = present.files.filter(
      ({ path, rendition }) => path !== hls && path !== dash && !dropped.has(rendition ?? ''),
    );
    const made = await makeText({
      texts: shown,
      packaging: present.packaging,
      renditions: media,
      playlists: present.playlists,
      read: (path) => readWhole(storeKeys.media({ assetId: asset.id, version: present.version, path })),
    });
    await copyFiles(kept, { assetId: asset.id, version: present.version }, place, signal);
    await uploadFiles(store, place, made.files, signal, () => undefined);
    const checked = localSource(
      hls,
      readFrom(store, (path) => storeKeys.media({ ...place, path })),
    );
    refuseFindings(checkConformance(await readStream(checked, { segmentsEach: segmentsChecked, signal })));

    const { base: _base, sourceTexts: _texts, ...same } = present;
    const files = [...kept, ...made.files.map(({ facts }) => facts)];
    const manifest: Manifest = {
      ...same,
      ...textFacts(version, base, ofSource),
      version,
      createdAt: nowIso(),
      renditions: [...media, ...made.renditions],
      files,
      sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
    signal.throwIfAborted();
    const first = await documents.putManifest(manifest);
    return first ? manifest : ((await documents.getManifest(asset.id, version)) ?? manifest);
  }

  async function readWhole(key: string): Promise<string> {
    const object = await store.get(key);
    if (!object) throw new Error(`${key} is gone`);
    return textOf(object.body);
  }

  async function copyFiles(
    files: readonly ManifestFile[],
    from: { readonly assetId: string; readonly version: string },
    to: { readonly assetId: string; readonly version: string },
    signal: AbortSignal,
  ): Promise<void> {
    const copy = async ({ path, sizeBytes, sha256 }: ManifestFile): Promise<void> => {
      signal.throwIfAborted();
      const key = storeKeys.media({ ...to, path });
      if ((await store.head(key, signal))?.sizeBytes === sizeBytes) return;
      // The put ends the body when the signal aborts; were the get to do it, nobody might listen yet.
      const object = await store.get(storeKeys.media({ ...from, path }));
      if (!object) throw new Error(`${storeKeys.media({ ...from, path })} is gone`);
      await store.put(key, object.body, { sizeBytes, sha256, signal });
    };
    const limit = pLimit(copiesAtOnce);
    const settled = await Promise.allSettled(files.map((file) => limit(copy, file)));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async function publish(manifest: Manifest, before: string, base: string): Promise<void> {
    const { assetId, version, sizeBytes } = manifest;
    const now = nowIso();
    const changed = await catalogue.update(assetId, (asset) => {
      const isWanted = asset.version === before && withTexts(base, asset.textTracks) === version;
      return asset.state === 'published' && isWanted
        ? { ...asset, version, sizeBytes, textFailure: null, publishedAt: now, updatedAt: now }
        : asset;
    });
    if (changed.state === 'published' && changed.version === version) await announce(changed);
    if (changed.state === 'deleted') throw new Error(`asset ${assetId} was deleted`);
  }

  async function settle(asset: Asset, version: string, error: unknown, job: Job): Promise<unknown> {
    const present = await catalogue.get(asset.id).catch(() => asset);
    if (!present || present.state === 'deleted') {
      await store.deletePrefix(storeKeys.mediaPrefix(asset.id, version));
      return new UnrecoverableJobError(`asset ${asset.id} was deleted`, { cause: error });
    }
    if (job.signal.aborted) return job.signal.reason;
    const final = isPermanent(error) || job.lastAttempt;
    onFailure(asset.id, error, final);
    if (!final) return error;
    const textFailure = failureOf(error);
    await catalogue
      .update(asset.id, (now) => (now.state === 'published' ? { ...now, textFailure, updatedAt: nowIso() } : now))
      .catch((cause: unknown) => onFailure(asset.id, cause, false));
    return new UnrecoverableJobError(`${textFailure.code}: ${textFailure.reason}`, { cause: error });
  }
}
