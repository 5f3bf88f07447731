/**
 * Brings one planned file from the object store to one appliance.
 *
 * A file of one slice is sent whole. A larger one goes slice by slice, because the manifest has a digest for each: what
 * the appliance holds from the start of the file is not sent again.
 */
import type { PlannedFile } from '../../shared/domain/fill.ts';
import { parseObjectKey, storeKeys } from '../../shared/domain/keys.ts';
import { type SliceSpec, sliceSizeBytes, slicesOf } from '../../shared/domain/manifest.ts';
import type { ApplianceApi, ApplianceTarget } from '../../shared/ports/appliance-api.ts';
import type { Documents } from '../../shared/ports/documents.ts';
import { type ObjectStore, ObjectStoreError } from '../../shared/ports/object-store.ts';
import { PushFailure } from './fill-errors.ts';
import { meterBody } from './metered-body.ts';
import type { NightBudget } from './night-budget.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { RateMeter } from './rate-meter.ts';

export interface PushDeps {
  readonly store: ObjectStore;
  readonly documents: Documents;
  readonly api: ApplianceApi;
  readonly limiter: RateLimiter;
  readonly budget: NightBudget;
  readonly meter: RateMeter;
  /** Told of every byte that leaves. */
  readonly onSent: (bytes: number) => void;
}

export type PushFile = (
  target: ApplianceTarget,
  file: PlannedFile,
  signal: AbortSignal,
) => Promise<'stored' | 'already-held'>;

/** The function throws PushFailure for what no repetition mends, and the ports' errors for the rest. */
export function makePushFile(deps: PushDeps): PushFile {
  const { store, documents, api, limiter, budget, meter, onSent } = deps;
  const slicesOfFile = rememberSlices(documents);

  async function pushSlice(
    target: ApplianceTarget,
    file: PlannedFile,
    slice: SliceSpec,
    signal: AbortSignal,
  ): Promise<'stored' | 'already-held'> {
    const whole = slice.sizeBytes === file.sizeBytes;
    if (!budget.reserve(slice.sizeBytes))
      throw new PushFailure('night-budget-spent', 'the bytes of the night are spent');
    let sentBytes = 0;
    const end = meter.begin();
    try {
      const range = { start: slice.offset, end: slice.offset + slice.sizeBytes - 1 };
      const object = await store.get(storeKeyOf(file.key), { signal, ...(whole ? {} : { range }) });
      if (!object) throw new PushFailure('source-missing', `the object store has no ${storeKeyOf(file.key)}`);
      const metered = meterBody(
        object.body,
        limiter,
        (bytes) => {
          sentBytes += bytes;
          onSent(bytes);
          meter.add(bytes);
        },
        signal,
      );
      const upload = {
        body: metered.body,
        sizeBytes: slice.sizeBytes,
        sha256: slice.sha256,
        ...(whole ? {} : { part: { offset: slice.offset, objectBytes: file.sizeBytes } }),
      };
      return await api.put(target, file.key, upload, signal).catch((error: unknown) => {
        const fault = metered.sourceError();
        throw fault && !signal.aborted ? sourceBroke(file.key, fault) : error;
      });
    } finally {
      end();
      budget.settle(slice.sizeBytes, sentBytes);
    }
  }

  return async (target, file, signal) => {
    if (file.sizeBytes <= sliceSizeBytes) {
      return pushSlice(target, file, { index: 0, offset: 0, sizeBytes: file.sizeBytes, sha256: file.sha256 }, signal);
    }
    const slices = await slicesOfFile(file.key);
    if (!slices) throw new PushFailure('source-missing', `the manifest of ${file.key} is gone or does not list it`);
    const heldBytes = await api.heldBytes(target, file.key, signal);
    const missing = slices.filter(({ offset, sizeBytes }) => offset + sizeBytes > heldBytes);
    for (const slice of missing) await pushSlice(target, file, slice, signal);
    return missing.length > 0 ? 'stored' : 'already-held';
  };
}

const storeKeyOf = (key: string): string => {
  const parsed = parseObjectKey(key);
  return parsed ? storeKeys.media(parsed) : key;
};

const sourceBroke = (key: string, cause: Error): ObjectStoreError =>
  cause instanceof ObjectStoreError
    ? cause
    : new ObjectStoreError('unavailable', key, `reading ${key} broke off: ${cause.message}`, { cause });

/** Slices of large files; the last manifest read is kept, because files come version by version. */
function rememberSlices(documents: Documents): (key: string) => Promise<SliceSpec[] | null> {
  let known: { readonly name: string; readonly manifest: ReturnType<Documents['getManifest']> } | null = null;
  return async (key) => {
    const parsed = parseObjectKey(key);
    if (!parsed) return null;
    const name = `${parsed.assetId}/${parsed.version}`;
    if (known?.name !== name) known = { name, manifest: documents.getManifest(parsed.assetId, parsed.version) };
    const current = known;
    const manifest = await current.manifest.catch((error: unknown) => {
      if (known === current) known = null;
      throw error;
    });
    const file = manifest?.files.find(({ path }) => path === parsed.path);
    try {
      return file ? slicesOf(file) : null;
    } catch (error) {
      throw new PushFailure('source-missing', `the manifest is damaged: ${(error as Error).message}`);
    }
  };
}
